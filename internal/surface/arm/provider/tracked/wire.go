package tracked

import (
	"encoding/json"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// SystemData says who wrote a resource first and last (CP §2.10).
type SystemData struct {
	CreatedBy          string `json:"createdBy,omitempty"`
	CreatedByType      string `json:"createdByType,omitempty"`
	CreatedAt          string `json:"createdAt,omitempty"`
	LastModifiedBy     string `json:"lastModifiedBy,omitempty"`
	LastModifiedByType string `json:"lastModifiedByType,omitempty"`
	LastModifiedAt     string `json:"lastModifiedAt,omitempty"`
}

// Succeeded is the state of everything here (CP §2.6).
const Succeeded = "Succeeded"

// NewSystemData writes two stamps.
func NewSystemData(created, changed resource.Stamp) *SystemData {
	return &SystemData{CreatedBy: created.By, CreatedByType: created.ByType, CreatedAt: arm.Time(created.At),
		LastModifiedBy: changed.By, LastModifiedByType: changed.ByType, LastModifiedAt: arm.Time(changed.At)}
}

// Resource is the envelope of a resource (CP §2.10).
type Resource struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Location   string            `json:"location,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	ManagedBy  string            `json:"managedBy,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	SKU        json.RawMessage   `json:"sku,omitempty"`
	Plan       json.RawMessage   `json:"plan,omitempty"`
	Identity   *wireIdentity     `json:"identity,omitempty"`
	Properties json.RawMessage   `json:"properties,omitempty"`
	SystemData *SystemData       `json:"systemData,omitempty"`

	// The three that $expand of resource lists adds.
	CreatedTime       string `json:"createdTime,omitempty"`
	ChangedTime       string `json:"changedTime,omitempty"`
	ProvisioningState string `json:"provisioningState,omitempty"`

	extra json.RawMessage // further members of the envelope, one JSON object
}

// plainResource is a Resource without its MarshalJSON.
type plainResource Resource

// MarshalJSON appends the further members.
func (w Resource) MarshalJSON() ([]byte, error) {
	known, err := json.Marshal(plainResource(w))
	if err != nil {
		return nil, err
	}
	extra := strings.TrimSpace(string(w.extra))
	if len(extra) < 3 || extra[0] != '{' {
		return known, nil
	}
	return append(append(known[:len(known)-1], ','), extra[1:]...), nil
}

// wireIdentity is the identity block of an answer (CP §2.12).
type wireIdentity struct {
	Type         string                  `json:"type"`
	PrincipalID  string                  `json:"principalId,omitempty"`
	TenantID     string                  `json:"tenantId,omitempty"`
	UserAssigned map[string]wireAttached `json:"userAssignedIdentities,omitempty"`
}

// wireAttached is one user-assigned identity of a block.
type wireAttached struct {
	PrincipalID string `json:"principalId,omitempty"`
	ClientID    string `json:"clientId,omitempty"`
}

// newIdentity writes an identity block in the spelling of the type; nil if there is none.
func newIdentity(i resource.Identity, fullType string) *wireIdentity {
	if i.IsZero() {
		return nil
	}
	w := &wireIdentity{Type: i.Type(resource.RulesFor(fullType))}
	if i.System {
		w.PrincipalID, w.TenantID = string(i.PrincipalID), string(i.Tenant)
	}
	for _, a := range i.UserAssigned {
		if w.UserAssigned == nil {
			w.UserAssigned = map[string]wireAttached{}
		}
		w.UserAssigned[a.ID.String()] = wireAttached{PrincipalID: string(a.PrincipalID), ClientID: string(a.ClientID)}
	}
	return w
}

// NameAnswer says whether a name is free.
type NameAnswer struct {
	NameAvailable bool   `json:"nameAvailable"`
	Reason        string `json:"reason"`
	Message       string `json:"message"`
}

// ReadTags reads the tags member; nil if it is absent or null. Errors: arm.ErrContent.
func ReadTags(body arm.Object) (map[string]string, error) {
	var tags map[string]string
	return tags, body.Into("tags", &tags)
}

// CheckNames refuses a body that names another resource than the path does; a body sent
// back as it was received names the same (CP §2.10). Errors: arm.ErrContent.
func CheckNames(body arm.Object, target resource.ID) error {
	for member, want := range map[string][]string{
		"id": {target.String()}, "name": {target.Name(), target.FullName()}, "type": {target.Type()},
	} {
		have, err := body.Text(member)
		if err != nil {
			return err
		}
		if have == "" {
			continue
		}
		fits := false
		for _, w := range want {
			fits = fits || strings.EqualFold(have, w)
		}
		if !fits {
			return arm.ErrContent.With("The member '%s' of the body names another resource than the request path.", member)
		}
	}
	return nil
}
