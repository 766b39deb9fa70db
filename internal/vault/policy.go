package vault

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
)

// MaxPolicies is how many access policies a vault may have (RS §1.9.3).
const MaxPolicies = 1024

// ErrPolicyInvalid is an access policy with a permission that does not exist or without
// an object.
var ErrPolicyInvalid = fault.New(fault.Invalid, "the access policy is not valid")

// Policy grants one principal, or group, permissions on a whole vault. Policies are keyed
// by tenant, object and application.
type Policy struct {
	Tenant id.Tenant `json:"tenantId"`
	Object id.Object `json:"objectId"`
	// App restricts the policy to tokens of this application on behalf of the user Object.
	App          id.App   `json:"applicationId,omitempty"`
	Secrets      []string `json:"secrets,omitempty"`
	Keys         []string `json:"keys,omitempty"`
	Certificates []string `json:"certificates,omitempty"`
	Storage      []string `json:"storage,omitempty"`
}

// PolicyOperation is what SetAccessPolicies does with the given policies.
type PolicyOperation string

// The operations, spelled as in the URL.
const (
	AddPolicies     PolicyOperation = "add"     // merge into the entry of the same key
	ReplacePolicies PolicyOperation = "replace" // replace the entry of the same key
	RemovePolicies  PolicyOperation = "remove"  // take the named permissions, or the entry if none are named
)

// Caller is whose rights are asked about.
type Caller struct {
	Tenant id.Tenant
	Object id.Object
	App    id.App
	// OnBehalf is true for a token that App got for the user Object.
	OnBehalf bool
	// Groups are the groups, direct or through others, that Object belongs to.
	Groups []id.Object
}

// PolicyAllows reports whether an access policy gives c the permission on secrets ("get",
// "list" …). It looks at policies only; the caller decides by v.RBAC whether they count.
func (v Vault) PolicyAllows(c Caller, permission string) bool {
	return slices.ContainsFunc(v.Policies, func(p Policy) bool {
		return p.Tenant == c.Tenant && (p.Object == c.Object || slices.Contains(c.Groups, p.Object)) &&
			(p.App == "" || c.OnBehalf && p.App == c.App) && slices.Contains(p.Secrets, permission)
	})
}

// samePolicy reports whether two policies have the same key.
func samePolicy(a, b Policy) bool {
	return a.Tenant == b.Tenant && a.Object == b.Object && a.App == b.App
}

// The permissions of RS §1.9.3 in the spelling that is stored and returned. "all" means
// every one but purge.
var (
	secretPermissions = []string{"get", "list", "set", "delete", "recover", "backup", "restore", "purge"}
	keyPermissions    = []string{"get", "list", "update", "create", "import", "delete", "recover", "backup", "restore", "decrypt", "encrypt",
		"unwrapKey", "wrapKey", "verify", "sign", "purge", "release", "rotate", "getrotationpolicy", "setrotationpolicy"}
	certificatePermissions = []string{"get", "list", "delete", "create", "import", "update", "managecontacts", "getissuers", "listissuers",
		"setissuers", "deleteissuers", "manageissuers", "recover", "backup", "restore", "purge"}
	storagePermissions = []string{"get", "list", "delete", "set", "update", "regeneratekey", "recover", "purge", "backup", "restore",
		"setsas", "listsas", "getsas", "deletesas"}
)

// checkPolicies returns the policies in canonical spelling, one per key. Errors:
// ErrPolicyInvalid, ErrTooManyPolicies.
func checkPolicies(in []Policy) ([]Policy, error) {
	out := make([]Policy, 0, len(in))
	for _, p := range in {
		if p.Tenant == "" || p.Object == "" {
			return nil, ErrPolicyInvalid.With("an access policy needs a tenantId and an objectId")
		}
		for _, list := range []struct {
			of    *[]string
			kind  string
			known []string
		}{
			{&p.Secrets, "secrets", secretPermissions}, {&p.Keys, "keys", keyPermissions},
			{&p.Certificates, "certificates", certificatePermissions}, {&p.Storage, "storage", storagePermissions},
		} {
			checked, err := checkPermissions(*list.of, list.kind, list.known)
			if err != nil {
				return nil, err
			}
			*list.of = checked
		}
		if i := slices.IndexFunc(out, func(o Policy) bool { return samePolicy(o, p) }); i >= 0 {
			out[i] = p
			continue
		}
		out = append(out, p)
	}
	if len(out) > MaxPolicies {
		return nil, ErrTooManyPolicies
	}
	return out, nil
}

// checkPermissions folds case, expands "all" and drops repetitions.
func checkPermissions(in []string, kind string, known []string) ([]string, error) {
	var out []string
	for _, s := range in {
		if strings.EqualFold(s, "all") {
			for _, k := range known {
				if k != "purge" && !slices.Contains(out, k) {
					out = append(out, k)
				}
			}
			continue
		}
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, s) })
		if i < 0 {
			return nil, ErrPolicyInvalid.With("%q is not a permission for %s", s, kind)
		}
		if !slices.Contains(out, known[i]) {
			out = append(out, known[i])
		}
	}
	return out, nil
}

// applyPolicies returns have changed by op with given, both checked.
func applyPolicies(have []Policy, op PolicyOperation, given []Policy) ([]Policy, error) {
	out := slices.Clone(have)
	for _, p := range given {
		i := slices.IndexFunc(out, func(o Policy) bool { return samePolicy(o, p) })
		switch {
		case op == RemovePolicies && i < 0:
		case op == RemovePolicies:
			rest, empty := without(out[i], p)
			if empty {
				out = slices.Delete(out, i, i+1)
			} else {
				out[i] = rest
			}
		case i < 0:
			out = append(out, p)
		case op == AddPolicies:
			out[i] = merged(out[i], p)
		default:
			out[i] = p
		}
	}
	if len(out) > MaxPolicies {
		return nil, ErrTooManyPolicies
	}
	return out, nil
}

// merged returns a with the permissions of b added.
func merged(a, b Policy) Policy {
	union := func(x, y []string) []string {
		out := slices.Clone(x)
		for _, s := range y {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return out
	}
	a.Secrets, a.Keys = union(a.Secrets, b.Secrets), union(a.Keys, b.Keys)
	a.Certificates, a.Storage = union(a.Certificates, b.Certificates), union(a.Storage, b.Storage)
	return a
}

// without returns a less the permissions of b, and whether nothing is left. A b that names
// no permission takes all.
func without(a, b Policy) (Policy, bool) {
	if len(b.Secrets)+len(b.Keys)+len(b.Certificates)+len(b.Storage) == 0 {
		return Policy{}, true
	}
	minus := func(x, y []string) []string {
		return slices.DeleteFunc(slices.Clone(x), func(s string) bool { return slices.Contains(y, s) })
	}
	a.Secrets, a.Keys = minus(a.Secrets, b.Secrets), minus(a.Keys, b.Keys)
	a.Certificates, a.Storage = minus(a.Certificates, b.Certificates), minus(a.Storage, b.Storage)
	return a, len(a.Secrets)+len(a.Keys)+len(a.Certificates)+len(a.Storage) == 0
}
