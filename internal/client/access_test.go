package client

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A principal is found by object id, by application id or by a name that is unique.
func TestPrincipal(t *testing.T) {
	const object, app = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	c, _ := platform(t, func(w http.ResponseWriter, r *http.Request) {
		switch filter := r.URL.Query().Get("$filter"); {
		case strings.HasSuffix(r.URL.Path, "/servicePrincipals/"+object):
			_, _ = io.WriteString(w, `{"id":"`+object+`","displayName":"web"}`)
		case filter == "appId eq '"+app+"'", filter == "displayName eq 'it''s'":
			_, _ = io.WriteString(w, `{"value":[{"id":"`+object+`"}]}`)
		case filter == "displayName eq 'two'":
			_, _ = io.WriteString(w, `{"value":[{"id":"one"},{"id":"two"}]}`)
		case filter != "":
			_, _ = io.WriteString(w, `{"value":[]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	c.at.AdminClientID = app
	for text, want := range map[string]error{strings.ToUpper(object): nil, app: nil, Administrator: nil, "it's": nil, "two": ErrScope, "none": ErrNotFound,
		"33333333-3333-3333-3333-333333333333": ErrNotFound} {
		p, err := c.Principal(t.Context(), text)
		if !errors.Is(err, want) || want == nil && p.ID != object {
			t.Errorf("%s: %+v, %v; want %v", text, p, err, want)
		}
	}
}

// A role's name that is nearly right leads to the right one.
func TestNearest(t *testing.T) {
	names := []string{"Reader", "Owner", "Key Vault Secrets User", "Key Vault Administrator", "Key Vault Secrets Officer", "Storage Blob Data Reader"}
	for text, want := range map[string]string{
		"key vault admin": `"Key Vault Administrator"`,
		"Secret User":     `"Key Vault Secrets User"`,
		"read":            `"Reader" "Storage Blob Data Reader"`,
		"Nonsense":        "",
		"":                "",
	} {
		if got := strings.Join(nearest(slices.Clone(names), text), " "); got != want {
			t.Errorf("%s: %s; want %s", text, got, want)
		}
	}
}

// L-13: a grant is one role assignment; asking again, or for what somebody else assigned, is no error.
func TestAssign(t *testing.T) {
	for name, tt := range map[string]struct {
		get, put int
		made     bool
		fails    bool
	}{
		"new":                      {404, 201, true, false},
		"there by the same call":   {200, 0, false, false},
		"there under another id":   {404, 409, false, false},
		"refused":                  {404, 403, false, true},
		"the platform is not well": {500, 0, false, true},
	} {
		c, calls := platform(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(tt.get)
				return
			}
			w.WriteHeader(tt.put)
		})
		role := RoleDefinition{ID: "/roles/r", Name: "r"}
		id, made, err := c.Assign(t.Context(), "p", role, "/subscriptions/s")
		if made != tt.made || (err != nil) != tt.fails {
			t.Errorf("%s: %q, %v, %v", name, id, made, err)
		}
		again, _, _ := c.Assign(t.Context(), "P", role, "/subscriptions/S")
		if !tt.fails && !strings.EqualFold(id, again) {
			t.Errorf("%s: the same grant has two names, %s and %s", name, id, again)
		}
		if tt.made && !slices.Contains(*calls, `PUT `+id+` {"properties":{"roleDefinitionId":"/roles/r","principalId":"p"}}`) {
			t.Errorf("%s: called %v", name, *calls)
		}
	}
}

// Whether an action is one on data is read from the roles, by the most exact pattern.
func TestIsDataAction(t *testing.T) {
	c, _ := platform(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"value":[
			{"properties":{"permissions":[{"actions":["*"],"dataActions":[]}]}},
			{"properties":{"permissions":[{"actions":["Microsoft.KeyVault/vaults/read"],"dataActions":["Microsoft.KeyVault/vaults/*"]}]}},
			{"properties":{"permissions":[{"actions":[],"dataActions":["Microsoft.KeyVault/vaults/secrets/getSecret/action"]}]}}]}`)
	})
	for action, want := range map[string]bool{"microsoft.keyvault/vaults/secrets/getsecret/action": true, "Microsoft.KeyVault/vaults/read": false,
		"Microsoft.KeyVault/vaults/keys/sign/action": true, "Microsoft.Web/sites/write": false} {
		if got, err := c.IsDataAction(t.Context(), action); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", action, got, err, want)
		}
	}
}
