package managedidentity

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	identity "github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
	"github.com/sealring/sealring/internal/trust"
)

// expressionVersions are the api-versions that know claims matching expressions (CP §3.4).
var expressionVersions = []string{"2025-01-31-preview", "2025-05-31-preview"}

// wireFederated is a federated credential in answers (CP §3.4).
type wireFederated struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	Properties federatedProperties `json:"properties"`
}

// federatedProperties are its properties. KeySet is ours.
type federatedProperties struct {
	Issuer     string              `json:"issuer"`
	Subject    string              `json:"subject,omitempty"`
	Audiences  []string            `json:"audiences"`
	Expression *matchingExpression `json:"claimsMatchingExpression,omitempty"`
	KeySet     json.RawMessage     `json:"keySet,omitempty"`
}

// matchingExpression is a claims matching expression.
type matchingExpression struct {
	Value   string `json:"value"`
	Version int    `json:"languageVersion"`
}

// newFederated shapes a credential of an identity.
func newFederated(of resource.ID, c trust.FederatedCredential) wireFederated {
	w := wireFederated{ID: of.Child("federatedIdentityCredentials", c.Name).String(), Name: c.Name, Type: identity.FederatedType,
		Properties: federatedProperties{Issuer: c.Issuer, Subject: c.Subject, Audiences: []string{c.Audience}}}
	if c.Expression != "" {
		w.Properties.Expression = &matchingExpression{c.Expression, c.ExpressionVersion}
	}
	if c.KeySet != "" {
		w.Properties.KeySet = json.RawMessage(c.KeySet)
	}
	return w
}

// owner is the identity in the path, spelled as it is stored.
func (p *provider) owner(ctx context.Context, r *arm.Request) (resource.ID, error) {
	target := r.Target
	if target.Is(identity.FederatedType) {
		target = target.Parent()
	}
	u, err := p.Identities.GetUserAssigned(ctx, target)
	return u.Resource.ID, err
}

// listFederated answers with the credentials of an identity.
func (p *provider) listFederated(ctx context.Context, r *arm.Request) (arm.Response, error) {
	owner, err := p.owner(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Identities.Federated(ctx, owner)
	if err != nil {
		return arm.Response{}, err
	}
	key := func(c trust.FederatedCredential) string { return strings.ToLower(c.Name) }
	return arm.Page(ctx, r, arm.Slice(all, key), func(_ context.Context, c trust.FederatedCredential) (any, error) {
		return newFederated(owner, c), nil
	})
}

// getFederated answers with one credential.
func (p *provider) getFederated(ctx context.Context, r *arm.Request) (arm.Response, error) {
	owner, err := p.owner(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	all, err := p.Identities.Federated(ctx, owner)
	if err != nil {
		return arm.Response{}, err
	}
	for _, c := range all {
		if strings.EqualFold(c.Name, r.Var("credential")) {
			return arm.OK(newFederated(owner, c))
		}
	}
	return arm.Response{}, arm.NotFound(r.Target)
}

// putFederated creates or replaces a credential.
func (p *provider) putFederated(ctx context.Context, r *arm.Request) (arm.Response, error) {
	edit, err := readFederated(r)
	if err != nil {
		return arm.Response{}, err
	}
	owner, err := p.owner(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	c, created, err := p.Identities.PutFederated(ctx, owner, r.Var("credential"), edit)
	if err != nil {
		return arm.Response{}, err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return arm.Response{Status: status, Body: newFederated(owner, c), Warning: c.Warning()}, nil
}

// readFederated reads the body of a write; what it returns fills in the credential.
// Errors: arm.ErrContent.
func readFederated(r *arm.Request) (func(c *trust.FederatedCredential) error, error) {
	body, err := r.Body()
	if err != nil {
		return nil, err
	}
	if err := body.Exact("id", "name", "type", "properties"); err != nil {
		return nil, err
	}
	if err := tracked.CheckNames(body, r.Target); err != nil {
		return nil, err
	}
	props, err := body.Object("properties")
	if err != nil {
		return nil, err
	}
	if props == nil {
		return nil, arm.ErrContent.With("The member 'properties' of a federated identity credential is required.")
	}
	if err := props.Exact("issuer", "subject", "audiences", "claimsMatchingExpression", "keySet"); err != nil {
		return nil, err
	}
	var next trust.FederatedCredential
	var audiences []string
	for member, into := range map[string]any{"issuer": &next.Issuer, "subject": &next.Subject, "audiences": &audiences} {
		if err := props.Into(member, into); err != nil {
			return nil, err
		}
	}
	if len(audiences) != 1 {
		return nil, trust.ErrFederatedInvalid.With("A federated identity credential has exactly one audience, not %d.", len(audiences))
	}
	next.Audience = audiences[0]
	if next.Expression, next.ExpressionVersion, err = readExpression(r, props); err != nil {
		return nil, err
	}
	if props.Has("keySet") {
		next.KeySet = string(props["keySet"])
	}
	return func(c *trust.FederatedCredential) error {
		*c = next
		return nil
	}, nil
}

// readExpression reads a claims matching expression; "" if there is none.
// Errors: arm.ErrContent.
func readExpression(r *arm.Request, props arm.Object) (value string, version int, err error) {
	e, err := props.Object("claimsMatchingExpression")
	if err != nil || e == nil {
		return "", 0, err
	}
	known := false
	for _, v := range expressionVersions {
		known = known || r.Version == v
	}
	if !known {
		return "", 0, arm.ErrContent.With("The member 'claimsMatchingExpression' is known to the api-versions %s.", strings.Join(expressionVersions, " and "))
	}
	if err := e.Exact("value", "languageVersion"); err != nil {
		return "", 0, err
	}
	if err := e.Into("languageVersion", &version); err != nil {
		return "", 0, err
	}
	if value, err = e.Text("value"); err == nil && value == "" {
		err = arm.ErrContent.With("The member 'value' of a claimsMatchingExpression is required.")
	}
	return value, version, err
}

// deleteFederated removes a credential.
func (p *provider) deleteFederated(ctx context.Context, r *arm.Request) (arm.Response, error) {
	owner, err := p.owner(ctx, r)
	if err != nil {
		return arm.Response{}, err
	}
	existed, err := p.Identities.DeleteFederated(ctx, owner, r.Var("credential"))
	if err != nil {
		return arm.Response{}, err
	}
	if !existed {
		return arm.NoContent()
	}
	return arm.Response{Status: http.StatusOK}, nil
}
