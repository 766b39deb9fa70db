package tracked

import (
	"encoding/json"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// New shapes the envelope of a resource.
func New(res resource.Resource) Resource {
	return Resource{ID: res.ID.String(), Name: res.ID.FullName(), Type: res.ID.Type(), Location: res.Location, Kind: res.Kind,
		ManagedBy: res.ManagedBy, Tags: res.Tags, SKU: res.SKU, Plan: res.Plan, Identity: newIdentity(res.Identity, res.ID.Type()),
		Properties: res.Properties, SystemData: NewSystemData(res.Created, res.Changed), extra: res.Extra}
}

// Brief is the resource as it stands in lists of resources of all types: without its
// properties and further members (CP §2.9).
func (w Resource) Brief() Resource {
	w.Properties, w.SystemData, w.extra = nil, nil, nil
	return w
}

// Decode reads a JSON object; an empty one for absence.
func Decode(raw json.RawMessage) arm.Object {
	o := arm.Object{}
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &o) // what is stored was an object when it was written
	}
	if o == nil {
		return arm.Object{}
	}
	return o
}

// Encode writes a value that came from JSON or is made of plain fields, which cannot fail.
func Encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// Set gives a member a value.
func Set(o arm.Object, name string, value any) { o[name] = Encode(value) }

// Fill gives a member a value if it has none.
func Fill(o arm.Object, name string, value any) {
	if !o.Has(name) {
		Set(o, name, value)
	}
}
