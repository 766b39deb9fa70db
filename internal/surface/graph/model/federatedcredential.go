package model

import (
	"encoding/json"

	"github.com/sealring/sealring/internal/surface/graph/edm"
	"github.com/sealring/sealring/internal/trust"
)

// FederatedCredential is the entity of a federated credential.
func FederatedCredential(c trust.FederatedCredential) edm.Entity {
	return edm.Entity{ID: string(c.ID), Type: FederatedCredentialType, Object: &c}
}

// expression is claimsMatchingExpression on the wire.
type expression struct {
	Value   string `json:"value"`
	Version int    `json:"languageVersion"`
}

// FederatedCredentialType is the type of federated credentials.
var FederatedCredentialType = &edm.Type{Name: "federatedIdentityCredential", Properties: []edm.Property{
	edm.Read("id", func(c *trust.FederatedCredential) any { return string(c.ID) }),
	edm.Read("name", func(c *trust.FederatedCredential) any { return c.Name }),
	textOf("issuer", func(c *trust.FederatedCredential) *string { return &c.Issuer }),
	optionalOf("subject", func(c *trust.FederatedCredential) *string { return &c.Subject }),
	optionalOf("description", func(c *trust.FederatedCredential) *string { return &c.Description }),
	edm.Write("audiences", func(c *trust.FederatedCredential) any { return []string{c.Audience} }, setAudience),
	edm.Write("claimsMatchingExpression", func(c *trust.FederatedCredential) any {
		if c.Expression == "" {
			return nil
		}
		return expression{c.Expression, c.ExpressionVersion}
	}, setExpression),
	keySet(),
}}

// textOf is a property of text.
func textOf(name string, of func(*trust.FederatedCredential) *string) edm.Property {
	return edm.Write(name, func(c *trust.FederatedCredential) any { return *of(c) }, func(c *trust.FederatedCredential, v json.RawMessage) (err error) {
		*of(c), err = edm.Text(name, v)
		return err
	})
}

// optionalOf is a property of text that is null where it is empty.
func optionalOf(name string, of func(*trust.FederatedCredential) *string) edm.Property {
	return edm.Write(name, func(c *trust.FederatedCredential) any {
		if *of(c) == "" {
			return nil
		}
		return *of(c)
	}, func(c *trust.FederatedCredential, v json.RawMessage) (err error) {
		*of(c), err = edm.TextOrNull(name, v)
		return err
	})
}

// setAudience takes the list of exactly one audience.
func setAudience(c *trust.FederatedCredential, v json.RawMessage) error {
	list, err := edm.Texts("audiences", v)
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return edm.ErrProperty.With("A federated identity credential has exactly one audience, not %d.", len(list))
	}
	c.Audience = list[0]
	return nil
}

// setExpression takes an expression, or null for none.
func setExpression(c *trust.FederatedCredential, v json.RawMessage) error {
	e, err := edm.Decode[*expression]("claimsMatchingExpression", v)
	c.Expression, c.ExpressionVersion = "", 0
	if e != nil {
		c.Expression, c.ExpressionVersion = e.Value, e.Version
	}
	return err
}

// keySet is the property of that name: the issuer's key set, or null.
func keySet() edm.Property {
	p := edm.Write("keySet", func(c *trust.FederatedCredential) any {
		if c.KeySet == "" {
			return nil
		}
		return json.RawMessage(c.KeySet)
	}, func(c *trust.FederatedCredential, v json.RawMessage) error {
		if c.KeySet = string(v); c.KeySet == "null" {
			c.KeySet = ""
		}
		return nil
	})
	p.OnDemand = true
	return p
}
