package tracked

import (
	"context"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/surface/arm"
)

// Item is the pattern of one resource of the type.
func (t Type) Item() string {
	item, _ := t.Path()
	return arm.InGroup + item
}

// Verb is a POST that needs the resource and does nothing here, since what the resource
// stands for runs elsewhere. It answers with status and no body.
func (t Type) Verb(verb string, status int) arm.Route {
	return t.Post(verb, func(context.Context, *arm.Request) (arm.Response, error) {
		return arm.Response{Status: status}, nil
	})
}

// Post is an action on a resource of the type, which exists when h is called.
func (t Type) Post(verb string, h arm.Handler) arm.Route {
	return arm.Post(t.Item()+"/"+verb, t.Kind+"/"+types(verb)+"/action", t.On(h))
}

// Read is a GET of something below a resource of the type, which exists when h is called.
func (t Type) Read(below string, h arm.Handler) arm.Route {
	return arm.Get(t.Item()+"/"+below, t.Kind+"/"+types(below)+"/read", t.On(h))
}

// types leaves the names out of a path below a resource, as actions do.
func types(below string) string {
	var out []string
	for _, part := range strings.Split(below, "/") {
		if !strings.HasPrefix(part, "{") && part != "default" && part != "latest" {
			out = append(out, part)
		}
	}
	return strings.Join(out, "/")
}

// On runs h if the resource in the path exists, whatever is named below it.
func (t Type) On(h arm.Handler) arm.Handler {
	depth := strings.Count(t.Kind, "/")
	return func(ctx context.Context, r *arm.Request) (arm.Response, error) {
		owner := r.Target
		for strings.Count(owner.Type(), "/") > depth {
			owner = owner.Parent()
		}
		if _, err := t.Resources.Get(ctx, owner); err != nil {
			return arm.Response{}, err
		}
		return h(ctx, r)
	}
}

// None answers that there is none of what was asked for.
func None(_ context.Context, r *arm.Request) (arm.Response, error) {
	return arm.Response{}, arm.NotFound(r.Target)
}

// Empty answers with an empty collection.
func Empty(context.Context, *arm.Request) (arm.Response, error) {
	return arm.OK(arm.OnePage[struct{}]{Value: []struct{}{}})
}

// Nothing answers 200 without a body.
func Nothing(context.Context, *arm.Request) (arm.Response, error) {
	return arm.Response{Status: http.StatusOK}, nil
}
