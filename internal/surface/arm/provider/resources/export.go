package resources

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/template"
)

// wireExport is the answer of exportTemplate.
type wireExport struct {
	Template wireTemplate `json:"template"`
}

// wireTemplate is a template that would make the same resources again.
type wireTemplate struct {
	Schema         string          `json:"$schema"`
	ContentVersion string          `json:"contentVersion"`
	Parameters     struct{}        `json:"parameters"`
	Variables      struct{}        `json:"variables"`
	Resources      []wireExportOne `json:"resources"`
}

// wireExportOne is a resource of a template. Credentials are nowhere in it, since they are
// nowhere in what is exported.
type wireExportOne struct {
	Type       string            `json:"type"`
	APIVersion string            `json:"apiVersion"`
	Name       string            `json:"name"`
	Location   string            `json:"location,omitempty"`
	Kind       string            `json:"kind,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	SKU        json.RawMessage   `json:"sku,omitempty"`
	Identity   *exportIdentity   `json:"identity,omitempty"`
	DependsOn  []string          `json:"dependsOn,omitempty"`
	Properties json.RawMessage   `json:"properties"`
}

// exportIdentity is an identity block as a template writes it.
type exportIdentity struct {
	Type         string              `json:"type"`
	UserAssigned map[string]struct{} `json:"userAssignedIdentities,omitempty"`
}

// exportGroup answers with a template of the resources of a group that the caller may read
// (CP §2.13).
func (p *resourcesProvider) exportGroup(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	var wanted []string
	if err := body.Into("resources", &wanted); err != nil {
		return arm.Response{}, err
	}
	t := wireTemplate{Schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", ContentVersion: "1.0.0.0", Resources: []wireExportOne{}}
	err = p.everything(ctx, r.Target, func(one resource.Resource) error {
		if !asked(wanted, one.ID) {
			return nil
		}
		visible, err := r.Allowed(ctx, one.ID.Type()+"/read", one.ID)
		if err != nil || !visible {
			return err
		}
		t.Resources = append(t.Resources, p.export(one))
		return nil
	})
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(wireExport{t})
}

// asked reports whether a list of ids, or "*", names a resource; an empty list names all.
func asked(wanted []string, one resource.ID) bool {
	for _, w := range wanted {
		if w == "*" || strings.EqualFold(w, one.String()) {
			return true
		}
	}
	return len(wanted) == 0
}

// export shapes one resource.
func (p *resourcesProvider) export(one resource.Resource) wireExportOne {
	w := wireExportOne{Type: one.ID.Type(), APIVersion: p.versionOf(one.ID), Name: one.ID.FullName(), Location: one.Location, Kind: one.Kind, Tags: one.Tags,
		SKU: one.SKU, Properties: one.Properties}
	if len(w.Properties) == 0 {
		w.Properties = json.RawMessage(`{}`)
	}
	w.Properties = template.Literal(w.Properties)
	if parent := one.ID.Parent(); parent.IsResource() {
		names := "'" + strings.ReplaceAll(parent.FullName(), "/", "', '") + "'"
		w.DependsOn = []string{"[resourceId('" + parent.Type() + "', " + names + ")]"}
	}
	if i := one.Identity; !i.IsZero() {
		w.Identity = &exportIdentity{Type: i.Type(resource.RulesFor(one.ID.Type()))}
		for _, a := range i.UserAssigned {
			if w.Identity.UserAssigned == nil {
				w.Identity.UserAssigned = map[string]struct{}{}
			}
			w.Identity.UserAssigned[a.ID.String()] = struct{}{}
		}
	}
	return w
}

// versionOf is the api-version that a template would use for a type.
func (p *resourcesProvider) versionOf(of resource.ID) string {
	entry, err := findEntry(p.catalog, of.Namespace())
	if err == nil {
		_, kind, _ := strings.Cut(of.Type(), "/")
		for _, t := range entry.wire("", "", "").ResourceTypes {
			if strings.EqualFold(t.ResourceType, kind) && t.DefaultAPIVersion != "" {
				return t.DefaultAPIVersion
			}
		}
	}
	return "2024-11-30"
}
