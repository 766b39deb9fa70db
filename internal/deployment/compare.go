package deployment

import (
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/template"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// compare lists what a template would change in a resource. Members that the template does
// not name are the platform's and count as unchanged, but for tags, which are written whole.
func compare(at string, before, after *value.Object, r *template.Resource) []Difference {
	var out []Difference
	for _, name := range after.Names() {
		have, there := before.Find(name)
		want := after.Get(name)
		place := joined(at, name)
		switch {
		case unknown(want):
		case !there && hidden(at, name, want):
		case !there:
			out = append(out, Difference{Path: place, Kind: "Create", After: want})
		case at == "" && strings.EqualFold(name, "identity"):
			out = append(out, compareIdentity(have, want)...)
		case at == "" && strings.EqualFold(name, "location"):
			if a, b := text(have), text(want); resource.CanonicalLocation(a) != resource.CanonicalLocation(b) {
				out = append(out, Difference{Path: place, Kind: "Modify", Before: have, After: want})
			}
		default:
			out = append(out, compareValues(place, have, want, r)...)
		}
	}
	if tags := before.Object("tags"); at == "" && tags.Len() > 0 {
		for _, name := range tags.Names() {
			if _, kept := after.Object("tags").Find(name); !kept {
				out = append(out, Difference{Path: joined("tags", name), Kind: "Delete", Before: tags.Get(name)})
			}
		}
	}
	return out
}

// hidden reports whether a member that is written is never read back: secrets are not.
func hidden(at, name string, want any) bool {
	if o, isObject := want.(*value.Object); isObject && o.Len() == 0 {
		return true // an empty object is the same as none
	}
	folded := value.Fold(name)
	return at != "" && (strings.Contains(folded, "password") || strings.Contains(folded, "secret") || folded == "value")
}

// compareValues compares one member.
func compareValues(place string, have, want any, r *template.Resource) []Difference {
	a, okA := have.(*value.Object)
	b, okB := want.(*value.Object)
	if okA && okB {
		return compare(place, a, b, r)
	}
	if sameValue(have, want) {
		return nil
	}
	return []Difference{{Path: place, Kind: "Modify", Before: have, After: want}}
}

// sameValue compares as the platform does: ids without case, what is not known yet with
// anything, items of arrays by what the template says of them.
func sameValue(have, want any) bool {
	switch want := want.(type) {
	case string:
		if unknown(want) {
			return true
		}
		s, isText := have.(string)
		return isText && (s == want || strings.HasPrefix(want, "/") && strings.EqualFold(s, want))
	case []any:
		list, isList := have.([]any)
		if !isList || len(list) != len(want) {
			return false
		}
		for i := range want {
			if !sameValue(list[i], want[i]) {
				return false
			}
		}
		return true
	case *value.Object:
		o, isObject := have.(*value.Object)
		return isObject && len(compare("items", o, want, nil)) == 0
	}
	return value.Equal(have, want)
}

// unknown reports whether a value is an expression that could not be computed yet.
func unknown(v any) bool {
	s, isText := v.(string)
	if !isText {
		return false
	}
	_, is := expression.Is(s)
	return is
}

// compareIdentity compares identity blocks by their types and by which identities they name.
func compareIdentity(have, want any) []Difference {
	a, _ := have.(*value.Object)
	b, _ := want.(*value.Object)
	var out []Difference
	squeeze := func(o *value.Object) string { return strings.ToLower(strings.ReplaceAll(o.Text("type"), " ", "")) }
	if squeeze(a) != squeeze(b) {
		out = append(out, Difference{Path: "identity.type", Kind: "Modify", Before: a.Get("type"), After: b.Get("type")})
	}
	old, new := a.Object("userAssignedIdentities"), b.Object("userAssignedIdentities")
	for _, name := range new.Names() {
		if _, there := old.Find(name); !there && !unknown(name) {
			out = append(out, Difference{Path: joined("identity.userAssignedIdentities", name), Kind: "Create", After: new.Get(name)})
		}
	}
	for _, name := range old.Names() {
		if _, kept := new.Find(name); !kept {
			out = append(out, Difference{Path: joined("identity.userAssignedIdentities", name), Kind: "Delete", Before: old.Get(name)})
		}
	}
	return out
}

// laid is before with the members of after over it.
func laid(before, after *value.Object) *value.Object {
	out := before.Clone()
	for _, name := range after.Names() {
		a, okA := before.Get(name).(*value.Object)
		b, okB := after.Get(name).(*value.Object)
		switch {
		case okA && okB && !strings.EqualFold(name, "tags"):
			out.Set(name, laid(a, b))
		case !unknown(after.Get(name)):
			out.Set(name, after.Get(name))
		}
	}
	return out
}

// joined adds a name to a path; one with dots or slashes stands in brackets.
func joined(at, name string) string {
	if strings.ContainsAny(name, "./[") {
		return at + "['" + name + "']"
	}
	if at == "" {
		return name
	}
	return at + "." + name
}

// text is a value that is a string; "" for anything else.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// masker hides the values of secure parameters in what is shown.
type masker struct{ secrets []string }

// newMasker collects the texts in the secure parameters of a plan.
func newMasker(p *template.Plan) masker { return masker{p.Secrets()} }

// hide returns v without secrets.
func (m masker) hide(v any) any {
	switch v := v.(type) {
	case string:
		for _, s := range m.secrets {
			v = strings.ReplaceAll(v, s, template.Mask)
		}
		return v
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = m.hide(item)
		}
		return out
	case *value.Object:
		if v == nil {
			return v
		}
		out := &value.Object{}
		for _, name := range v.Names() {
			out.Set(name, m.hide(v.Get(name)))
		}
		return out
	}
	return v
}

// failure hides secrets in messages.
func (m masker) failure(f Failure) Failure {
	f.Message = template.Hide(f.Message, m.secrets)
	for i, d := range f.Details {
		f.Details[i] = m.failure(d)
	}
	return f
}

// change hides secrets in a change.
func (m masker) change(c Change) Change {
	if len(m.secrets) == 0 {
		return c
	}
	c.Before, _ = m.hide(c.Before).(*value.Object)
	c.After, _ = m.hide(c.After).(*value.Object)
	for i, d := range c.Delta {
		c.Delta[i].Before, c.Delta[i].After = m.hide(d.Before), m.hide(d.After)
	}
	return c
}
