package template

import (
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template/value"
)

// Exported is a resource to be written into a template.
type Exported struct {
	ID         resource.ID
	APIVersion string
	// Body is the resource as reading it answers.
	Body *value.Object
}

// readOnly are the members of answers that are not written into templates.
var readOnly = []string{"id", "name", "type", "systemData", "etag", "createdTime", "changedTime", "provisioningState"}

// Export writes resources of a group as a template of literal names, each child behind its
// parent (CP §2.13).
func Export(resources []Exported) *value.Object {
	list := []any{}
	known := map[string]bool{}
	for _, r := range resources {
		known[r.ID.Key()] = true
	}
	for _, r := range resources {
		body := r.Body.Clone()
		for _, name := range readOnly {
			body.Delete(name)
		}
		if props := body.Object("properties"); props != nil {
			props = props.Clone()
			props.Delete("provisioningState")
			body.Set("properties", props)
		}
		if identity := body.Object("identity"); identity != nil {
			body.Set("identity", exportedIdentity(identity))
		}
		out := value.NewObject("type", r.ID.Type(), "apiVersion", r.APIVersion, "name", r.ID.FullName())
		if parent := r.ID.Parent(); known[parent.Key()] {
			out.Set("dependsOn", []any{"[resourceId('" + parent.Type() + "'" + quotedNames(parent) + ")]"})
		}
		for _, name := range body.Names() {
			out.Set(name, escaped(body.Get(name)))
		}
		list = append(list, out)
	}
	return value.NewObject("$schema", "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
		"contentVersion", "1.0.0.0", "parameters", &value.Object{}, "variables", &value.Object{}, "resources", list)
}

// exportedIdentity is an identity block without what the platform put in.
func exportedIdentity(block *value.Object) *value.Object {
	out := value.NewObject("type", block.Text("type"))
	if attached := block.Object("userAssignedIdentities"); attached.Len() > 0 {
		keys := &value.Object{}
		for _, name := range attached.Names() {
			keys.Set(name, &value.Object{})
		}
		out.Set("userAssignedIdentities", keys)
	}
	return out
}

// quotedNames writes the names of a resource as further arguments of resourceId.
func quotedNames(i resource.ID) string {
	out := ""
	for at := i; at.IsResource(); at = at.Parent() {
		out = ", '" + at.Name() + "'" + out
	}
	return out
}

// escaped doubles the bracket of texts that a template would take for expressions.
func escaped(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) > 1 && v[0] == '[' && v[len(v)-1] == ']' {
			return "[" + v
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = escaped(item)
		}
		return out
	case *value.Object:
		out := &value.Object{}
		for _, name := range v.Names() {
			out.Set(name, escaped(v.Get(name)))
		}
		return out
	}
	return v
}
