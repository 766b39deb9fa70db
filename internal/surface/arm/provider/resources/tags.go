package resources

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/vault"
)

// tagRoutes are the tags of a scope, which are the ones its body shows (CP §2.13), and the
// names of the tags in use.
func (p *resourcesProvider) tagRoutes() []arm.Route {
	const (
		at   = arm.AnyScope + "/providers/Microsoft.Resources/tags/default"
		kind = "Microsoft.Resources/tags"
	)
	return []arm.Route{
		arm.Get(at, kind+"/read", p.getTags),
		arm.Put(at, kind+"/write", p.putTags),
		arm.Patch(at, kind+"/write", p.patchTags),
		arm.Delete(at, kind+"/delete", p.deleteTags),
		arm.List(arm.InSubscription+"/tagNames", "Microsoft.Resources/subscriptions/tagNames/read", p.tagNames),
	}
}

// wireTags is the tags of a scope.
type wireTags struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Properties tagsProperties `json:"properties"`
}

// tagsProperties are its properties.
type tagsProperties struct {
	Tags map[string]string `json:"tags"`
}

// answerTags shapes the tags of the request's scope.
func answerTags(r *arm.Request, tags map[string]string) (arm.Response, error) {
	if tags == nil {
		tags = map[string]string{}
	}
	return arm.OK(wireTags{ID: r.Target.String() + "/providers/Microsoft.Resources/tags/default", Name: "default", Type: "Microsoft.Resources/tags",
		Properties: tagsProperties{tags}})
}

// taggable refuses scopes that carry no tags. Errors: arm.ErrType.
func taggable(r *arm.Request) error {
	if r.Target.Subscription() == "" {
		return arm.ErrType.With("The scope '%s' has no tags.", r.Target)
	}
	return nil
}

// getTags answers with the tags of a scope.
func (p *resourcesProvider) getTags(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if err := taggable(r); err != nil {
		return arm.Response{}, err
	}
	if r.Target.Is(vault.Type) {
		v, err := p.Vaults.Get(ctx, r.Target)
		if err != nil {
			return arm.Response{}, err
		}
		return answerTags(r, v.Tags)
	}
	tags, err := p.Resources.Tags(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return answerTags(r, tags)
}

// putTags replaces the tags of a scope.
func (p *resourcesProvider) putTags(ctx context.Context, r *arm.Request) (arm.Response, error) {
	props, err := r.Properties()
	if err != nil {
		return arm.Response{}, err
	}
	tags, err := readTagMap(props)
	if err != nil {
		return arm.Response{}, err
	}
	return p.retag(ctx, r, func(map[string]string) map[string]string { return tags })
}

// readTagMap reads properties.tags. Errors: arm.ErrContent.
func readTagMap(props arm.Object) (map[string]string, error) {
	if err := props.Exact("tags"); err != nil {
		return nil, err
	}
	tags := map[string]string{}
	return tags, props.Into("tags", &tags)
}

// patchTags merges into the tags of a scope, replaces them, or removes some of them.
func (p *resourcesProvider) patchTags(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	if err := body.Exact("operation", "properties"); err != nil {
		return arm.Response{}, err
	}
	operation, err := body.Text("operation")
	if err != nil {
		return arm.Response{}, err
	}
	props, err := body.Object("properties")
	if err != nil {
		return arm.Response{}, err
	}
	given, err := readTagMap(props)
	if err != nil {
		return arm.Response{}, err
	}
	switch strings.ToLower(operation) {
	case "replace":
		return p.retag(ctx, r, func(map[string]string) map[string]string { return given })
	case "merge":
		return p.retag(ctx, r, func(tags map[string]string) map[string]string { return mergeTags(tags, given) })
	case "delete":
		return p.retag(ctx, r, func(tags map[string]string) map[string]string { return withoutTags(tags, given) })
	}
	return arm.Response{}, arm.ErrContent.With("The member 'operation' must be 'Merge', 'Replace' or 'Delete'.")
}

// mergeTags adds given to tags; names compare without regard to case, and a tag that is
// there keeps the spelling of its name.
func mergeTags(tags, given map[string]string) map[string]string {
	for name, value := range given {
		if have, ok := tagNamed(tags, name); ok {
			name = have
		}
		tags[name] = value
	}
	return tags
}

// withoutTags removes given from tags: by its name where the value is empty, else where the
// value is the same too.
func withoutTags(tags, given map[string]string) map[string]string {
	for name, value := range given {
		if have, ok := tagNamed(tags, name); ok && (value == "" || tags[have] == value) {
			delete(tags, have)
		}
	}
	return tags
}

// tagNamed finds a tag without regard to the case of its name.
func tagNamed(tags map[string]string, name string) (string, bool) {
	for have := range tags {
		if strings.EqualFold(have, name) {
			return have, true
		}
	}
	return "", false
}

// deleteTags removes all tags of a scope.
func (p *resourcesProvider) deleteTags(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.retag(ctx, r, func(map[string]string) map[string]string { return map[string]string{} }); err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: 200}, nil
}

// retag changes the tags of the request's scope, and answers with them.
func (p *resourcesProvider) retag(ctx context.Context, r *arm.Request, edit func(map[string]string) map[string]string) (arm.Response, error) {
	if err := taggable(r); err != nil {
		return arm.Response{}, err
	}
	if !r.Target.Is(vault.Type) {
		tags, err := p.Resources.Retag(ctx, r.Target, edit)
		if err != nil {
			return arm.Response{}, err
		}
		return answerTags(r, tags)
	}
	for attempt := 0; ; attempt++ {
		v, err := p.Vaults.Get(ctx, r.Target)
		if err != nil {
			return arm.Response{}, err
		}
		tags := edit(maps.Clone(orEmpty(v.Tags)))
		v, err = p.Vaults.Update(ctx, r.Target, vault.Settings{Tags: tags, ExpectRevision: v.Revision})
		if errors.Is(err, vault.ErrChanged) && attempt < 8 {
			continue // somebody wrote the vault in between
		}
		if err != nil {
			return arm.Response{}, err
		}
		return answerTags(r, v.Tags)
	}
}

// orEmpty is tags, never nil.
func orEmpty(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return tags
}

// wireTagName is the name of a tag in use.
type wireTagName struct {
	ID      string         `json:"id"`
	TagName string         `json:"tagName"`
	Count   arm.Count      `json:"count"`
	Values  []wireTagValue `json:"values"`
}

// wireTagValue is a value of a tag in use.
type wireTagValue struct {
	ID       string    `json:"id"`
	TagValue string    `json:"tagValue"`
	Count    arm.Count `json:"count"`
}

// tagNames answers with the tags of the groups and resources that the caller may read.
func (p *resourcesProvider) tagNames(ctx context.Context, r *arm.Request) (arm.Response, error) {
	counts := map[string]map[string]int{}
	note := func(scope resource.ID, action string, tags map[string]string) error {
		if len(tags) == 0 {
			return nil
		}
		visible, err := r.Allowed(ctx, action, scope)
		if err != nil || !visible {
			return err
		}
		for name, value := range tags {
			if counts[name] == nil {
				counts[name] = map[string]int{}
			}
			counts[name][value]++
		}
		return nil
	}
	err := p.everything(ctx, r.Target, func(one resource.Resource) error { return note(one.ID, one.ID.Type()+"/read", one.Tags) })
	if err != nil {
		return arm.Response{}, err
	}
	for after := ""; ; {
		groups, next, err := p.Resources.Groups(ctx, r.Subscription(), after, 0)
		if err != nil {
			return arm.Response{}, err
		}
		for _, g := range groups {
			if err := note(g.ID, readGroups, g.Tags); err != nil {
				return arm.Response{}, err
			}
		}
		if after = next; next == "" {
			break
		}
	}
	page := arm.OnePage[wireTagName]{Value: []wireTagName{}}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		w := wireTagName{ID: r.Target.String() + "/tagNames/" + name, TagName: name, Count: arm.Count{Type: "Total"}, Values: []wireTagValue{}}
		for _, value := range slices.Sorted(maps.Keys(counts[name])) {
			n := counts[name][value]
			w.Count.Value += n
			w.Values = append(w.Values, wireTagValue{ID: w.ID + "/tagValues/" + value, TagValue: value, Count: arm.Count{Type: "Total", Value: n}})
		}
		page.Value = append(page.Value, w)
	}
	return arm.OK(page)
}

// everything calls do for each resource below a scope, vaults included.
func (p *resourcesProvider) everything(ctx context.Context, scope resource.ID, do func(resource.Resource) error) error {
	vaults, err := p.Vaults.List(ctx, scope)
	if err != nil {
		return err
	}
	for _, v := range vaults {
		if err := do(vaultAsResource(v)); err != nil {
			return err
		}
	}
	for after := ""; ; {
		page, next, err := p.Resources.List(ctx, resource.Query{Scope: scope, After: after})
		if err != nil {
			return err
		}
		for _, one := range page {
			if err := do(one); err != nil {
				return err
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}
