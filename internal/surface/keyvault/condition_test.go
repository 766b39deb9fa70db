package keyvault_test

import (
	"fmt"
	"testing"

	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/vault"
)

// TestAConditionLimitsAGrantToSomeSecrets: by the name of the secret, which the room tells
// with the scope of its question; an attribute that nobody knows grants nothing. // CP-115
func TestAConditionLimitsAGrantToSomeSecrets(t *testing.T) {
	h := newHouse(t, nil)
	yes := true
	v := h.vault("kv-abac", func(s *vault.Settings) { s.RBAC = &yes })
	for _, n := range []string{"app-one", "other"} {
		if _, err := h.vaults.SetSecret(t.Context(), v, n, secret.New("x"), vault.SecretChange{}); err != nil {
			t.Fatal(err)
		}
	}
	assign := func(text string) {
		t.Helper()
		_, _, err := h.roles.PutAssignment(t.Context(), rbac.NewAssignment{Name: "11111111-2222-3333-4444-555555555555", Scope: v.ID,
			Role: rbac.RoleID(roles[3].id), Principal: object(1), Condition: text, ConditionVersion: "2.0"})
		if err != nil {
			t.Fatal(err)
		}
	}
	caller := h.token(object(1), nil)
	try := func(target string, status int) {
		t.Helper()
		if w := h.do("kv-abac", caller, "GET", fmt.Sprintf("/%s?api-version=7.5", target), ""); w.Code != status {
			t.Errorf("%s: %d, want %d", target, w.Code, status)
		}
	}
	assign("@Resource[Microsoft.KeyVault/vaults/secrets:name] StringLike 'app-*'")
	try("secrets/app-one", 200)
	try("secrets/other", 403)
	try("secrets", 403) // a list is of no one secret
	assign("@Principal[x:y] StringEquals 'z'")
	try("secrets/app-one", 403)
	assign("!(@Principal[x:y] StringEquals 'z')")
	try("secrets/app-one", 403)
	assign("@Resource[Microsoft.KeyVault/vaults:name] StringEquals 'kv-abac'")
	try("secrets/other", 200)
	try("secrets", 200)
}
