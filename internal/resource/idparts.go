package resource

import (
	"strings"

	"github.com/sealring/sealring/internal/id"
)

// segments splits the id; none for the zero ID and the root.
func (i ID) segments() []string {
	if len(i.text) < 2 {
		return nil
	}
	return strings.Split(i.text[1:], "/")
}

// lastBlock is where the last "providers" block begins in seg (the index of the word
// itself), or -1 where the id is a bare scope.
func lastBlock(seg []string) int {
	at := 0
	if len(seg) >= 2 && seg[0] == "subscriptions" {
		at = 2
		if len(seg) >= 4 && seg[2] == "resourceGroups" {
			at = 4
		}
	}
	last := -1
	for ; at < len(seg); at += 2 {
		if strings.EqualFold(seg[at], "providers") {
			last = at
		}
	}
	return last
}

// Subscription returns the subscription of the scope; "" above subscriptions.
func (i ID) Subscription() id.Subscription {
	seg := i.segments()
	if len(seg) < 2 || seg[0] != "subscriptions" {
		return ""
	}
	return id.Subscription(strings.ToLower(seg[1]))
}

// Group returns the name of the resource group as written; "" outside a group.
func (i ID) Group() string {
	seg := i.segments()
	if len(seg) < 4 || seg[0] != "subscriptions" || seg[2] != "resourceGroups" {
		return ""
	}
	return seg[3]
}

// GroupScope returns the id of the resource group that holds i; the zero ID outside a group.
func (i ID) GroupScope() ID {
	seg := i.segments()
	if i.Group() == "" {
		return ID{}
	}
	return newID("/" + strings.Join(seg[:4], "/"))
}

// IsResource reports whether i names a resource, child or extension rather than a bare
// scope (root, subscription or group).
func (i ID) IsResource() bool { return lastBlock(i.segments()) >= 0 }

// Namespace returns the resource provider of the last provider part, as written; for bare
// scopes "Microsoft.Resources".
func (i ID) Namespace() string {
	namespace, _, _ := strings.Cut(i.Type(), "/")
	return namespace
}

// Type returns the full resource type as written, for example "Microsoft.Web/sites/slots";
// TypeTenant, TypeSubscription or TypeGroup for bare scopes; "" for the zero ID.
func (i ID) Type() string {
	if i.IsZero() {
		return ""
	}
	seg := i.segments()
	at := lastBlock(seg)
	switch {
	case at >= 0:
		parts := []string{seg[at+1]}
		for n := at + 2; n < len(seg); n += 2 {
			parts = append(parts, seg[n])
		}
		return strings.Join(parts, "/")
	case len(seg) == 0:
		return TypeTenant
	case len(seg) == 2:
		return TypeSubscription
	}
	return TypeGroup
}

// Is reports whether i is of the given full type, in any letter case.
func (i ID) Is(fullType string) bool { return strings.EqualFold(i.Type(), fullType) }

// Name returns the last name: of a slot "stage", of a group its name, of a subscription
// its GUID; "" for the root.
func (i ID) Name() string {
	seg := i.segments()
	if len(seg) == 0 {
		return ""
	}
	return seg[len(seg)-1]
}

// FullName returns the names of the last provider part joined by "/": of a slot
// "app/stage" (CP §2.2). For bare scopes it is Name.
func (i ID) FullName() string {
	seg := i.segments()
	at := lastBlock(seg)
	if at < 0 {
		return i.Name()
	}
	var names []string
	for n := at + 3; n < len(seg); n += 2 {
		names = append(names, seg[n])
	}
	return strings.Join(names, "/")
}

// Scope returns what the last provider part stands under: the group or subscription of a
// resource, the extended resource of an extension. For bare scopes it is Parent.
func (i ID) Scope() ID {
	seg := i.segments()
	at := lastBlock(seg)
	switch {
	case at < 0:
		return i.Parent()
	case at == 0:
		return Root()
	}
	return newID("/" + strings.Join(seg[:at], "/"))
}

// Parent returns the next scope above: the app of a slot, the group of an app, the
// subscription of a group, the root of a subscription; the zero ID above the root.
func (i ID) Parent() ID {
	seg := i.segments()
	at := lastBlock(seg)
	switch {
	case len(seg) == 0:
		return ID{}
	case at >= 0 && len(seg) > at+4:
		return newID("/" + strings.Join(seg[:len(seg)-2], "/"))
	case at == 0 || len(seg) == 2:
		return Root()
	case at > 0:
		return newID("/" + strings.Join(seg[:at], "/"))
	}
	return newID("/" + strings.Join(seg[:len(seg)-2], "/"))
}

// Child returns the id of something below i. A type without a slash ("slots") is a child
// of the resource i; a full type ("Microsoft.Web/sites") stands under i as its scope, with
// as many names, joined by "/", as the type has parts after the namespace. The zero ID
// comes back where that makes no valid id.
func (i ID) Child(kind, name string) ID {
	if i.IsZero() {
		return ID{}
	}
	base := strings.TrimSuffix(i.text, "/")
	namespace, types, full := strings.Cut(kind, "/")
	if !full {
		if !i.IsResource() {
			return ID{}
		}
		return orZero(ParseID(base + "/" + kind + "/" + name))
	}
	kinds, names := strings.Split(types, "/"), strings.Split(name, "/")
	if len(kinds) != len(names) {
		return ID{}
	}
	var b strings.Builder
	b.WriteString(base + "/providers/" + namespace)
	for n := range kinds {
		b.WriteString("/" + kinds[n] + "/" + names[n])
	}
	return orZero(ParseID(b.String()))
}
