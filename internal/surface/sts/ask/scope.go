package ask

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// What can be wrong with a scope.
var (
	// ErrMissing is no scope at all.
	ErrMissing = fault.New(fault.Invalid, "scope")
	// ErrMalformed is a scope that cannot be read, or is mixed with Default.
	ErrMalformed = fault.New(fault.Invalid, "scope")
	// ErrSeveral is a scope of several resources.
	ErrSeveral = fault.New(fault.Invalid, "scope")
)

// Graph is whose permission a scope without a resource is (DT-3.8).
const Graph = "https://graph.microsoft.com"

// Default stands for everything that was granted before.
const Default = ".default"

// Wish is what a client asks for on behalf of a person.
type Wish struct {
	Text     string   // as sent, and as answered (DT-60)
	Resource string   // whose permissions: as spelled, without the permission
	Names    []string // of the permissions; empty for identity alone
	OpenID   bool
	Offline  bool
}

// ReadWish reads the scope of a user's sign-in. Errors: ErrMissing, ErrMalformed, ErrSeveral, whose
// sentences are the scope at fault.
func ReadWish(scope string) (Wish, error) {
	w := Wish{Text: strings.Join(strings.Fields(scope), " "), Resource: Graph}
	if w.Text == "" {
		return w, ErrMissing
	}
	if len(w.Text) > 4096 {
		return w, ErrMalformed.With("%s", clipped(scope))
	}
	for _, s := range strings.Fields(scope) {
		switch strings.ToLower(s) {
		case "openid":
			w.OpenID = true
			continue
		case "offline_access":
			w.Offline = true
			continue
		case "profile", "email":
			continue
		}
		resource, name := Graph, s
		if i := strings.LastIndexByte(s, '/'); i >= 0 {
			resource, name = s[:i], s[i+1:]
		}
		switch {
		case resource == "" || name == "":
			return w, ErrMalformed.With("%s", clipped(s))
		case len(w.Names) > 0 && !strings.EqualFold(strings.TrimSuffix(resource, "/"), strings.TrimSuffix(w.Resource, "/")):
			return w, ErrSeveral.With("%s", clipped(scope))
		}
		w.Resource = resource
		w.Names = append(w.Names, name)
	}
	if len(w.Names) > 1 && slices.Contains(w.Names, Default) {
		return w, ErrMalformed.With("%s", clipped(scope))
	}
	return w, nil
}

// clipped caps a text that a caller chose.
func clipped(s string) string {
	const limit = 256
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}
