// Package keyvault is the provider Microsoft.KeyVault: vaults as resources
// (resource-services.md §1.9–§1.12).
package keyvault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
	"github.com/sealring/sealring/internal/vault"
)

// Deps is what the provider is made of; all of it is needed.
type Deps struct {
	Vaults    *vault.Service
	Resources subscriptions
}

// subscriptions knows the subscriptions of a tenant; *resource.Service is one.
type subscriptions interface {
	Subscriptions(ctx context.Context, tenant id.Tenant) ([]resource.Subscription, error)
}

// vaultProvider is Microsoft.KeyVault: vaults as resources. What is in them is never seen
// from here (S-51).
type vaultProvider struct{ Deps }

// New makes Microsoft.KeyVault (RS §1.9–§1.12).
func New(d Deps) arm.Provider {
	p := &vaultProvider{d}
	const (
		kind       = vault.Type
		collection = "/providers/" + kind
		item       = arm.InGroup + collection + "/{vault}"
		deleted    = arm.InSubscription + "/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{vault}"
	)
	return arm.Provider{Namespace: "Microsoft.KeyVault", Routes: []arm.Route{
		arm.List(arm.InSubscription+collection, kind+"/read", p.list),
		arm.List(arm.InGroup+collection, kind+"/read", p.list),
		arm.Get(item, kind+"/read", p.get),
		arm.Head(item, kind+"/read", p.head),
		arm.Put(item, kind+"/write", p.put),
		arm.Patch(item, kind+"/write", p.patch),
		arm.Delete(item, kind+"/delete", p.delete),
		arm.Put(item+"/accessPolicies/{operation}", kind+"/accessPolicies/write", p.policies),
		arm.Get(arm.InSubscription+"/providers/Microsoft.KeyVault/deletedVaults", "Microsoft.KeyVault/deletedVaults/read", p.listDeleted),
		arm.Get(deleted, "Microsoft.KeyVault/locations/deletedVaults/read", p.getDeleted),
		arm.Post(deleted+"/purge", "Microsoft.KeyVault/locations/deletedVaults/purge/action", p.purge),
		arm.Get(arm.InSubscription+"/providers/Microsoft.KeyVault/locations/{location}/operationResults/{operation}",
			"Microsoft.KeyVault/locations/operationResults/read", p.purged),
		arm.Post(arm.InSubscription+"/providers/Microsoft.KeyVault/checkNameAvailability", "Microsoft.KeyVault/checkNameAvailability/read", p.checkName),
	}}
}

// list answers with the living vaults that the caller may read.
func (p *vaultProvider) list(ctx context.Context, r *arm.Request) (arm.Response, error) {
	all, err := p.Vaults.List(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(all, func(v vault.Vault) string { return v.ID.Key() })
	return arm.Page(ctx, r, fetch, func(ctx context.Context, v vault.Vault) (any, error) {
		visible, err := r.Visible(ctx, v.ID)
		if err != nil || !visible {
			return nil, err
		}
		return newVault(ctx, v), nil
	})
}

// get answers with one vault.
func (p *vaultProvider) get(ctx context.Context, r *arm.Request) (arm.Response, error) {
	v, err := p.Vaults.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	return vaultAnswer(ctx, http.StatusOK, v)
}

// head says 204 for a vault that exists.
func (p *vaultProvider) head(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if _, err := p.Vaults.Get(ctx, r.Target); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}

// put creates, updates or recovers a vault. Azure answers 200 and 201; azurerm and az take both.
func (p *vaultProvider) put(ctx context.Context, r *arm.Request) (arm.Response, error) {
	b, err := readVaultBody(r)
	if err != nil {
		return arm.Response{}, err
	}
	if strings.EqualFold(b.createMode, "recover") {
		v, err := p.Vaults.Recover(ctx, r.Target)
		if err != nil {
			return arm.Response{}, err
		}
		return vaultAnswer(ctx, http.StatusOK, v)
	}
	if !vault.ValidName(r.Target.Name()) {
		return arm.Response{}, arm.ErrName.With("The vault name '%s' is invalid. A vault's name must be between 3-24 alphanumeric characters, begin with a letter, end with a letter or digit, and not contain consecutive hyphens.", r.Target.Name())
	}
	if b.settings.Location == "" {
		return arm.Response{}, arm.ErrLocation
	}
	settings, err := p.conditional(ctx, r, b.settings)
	if err != nil {
		return arm.Response{}, err
	}
	settings.RBACDefault = r.Version >= rbacByDefault // dates compare as texts
	if settings.Tags == nil {
		settings.Tags = map[string]string{}
	}
	if settings.Properties == nil {
		settings.Properties = tracked.Encode(arm.Object{})
	}
	v, created, err := p.Vaults.Put(ctx, r.Target, settings)
	if err != nil {
		return arm.Response{}, err
	}
	if created {
		return vaultAnswer(ctx, http.StatusCreated, v)
	}
	return vaultAnswer(ctx, http.StatusOK, v)
}

// rbacByDefault is the first api-version in which a new vault without
// enableRbacAuthorization is decided by role assignments (RS §1.9.1).
const rbacByDefault = "2026-02-01"

// conditional turns the entity tag conditions of the request into those of a vault write.
// Errors: resource.ErrPrecondition.
func (p *vaultProvider) conditional(ctx context.Context, r *arm.Request, s vault.Settings) (vault.Settings, error) {
	pre := r.Precondition()
	if pre == (resource.Precondition{}) {
		return s, nil
	}
	v, err := p.Vaults.Get(ctx, r.Target)
	if err != nil && !errors.Is(err, vault.ErrVaultNotFound) {
		return s, err
	}
	tag := ""
	if err == nil {
		tag = vaultTag(v)
	}
	if err := pre.Check(tag); err != nil {
		return s, err
	}
	s.MustNotExist, s.ExpectRevision = tag == "", v.Revision
	return s, nil
}

// patch changes a vault; what the body does not name stays.
func (p *vaultProvider) patch(ctx context.Context, r *arm.Request) (arm.Response, error) {
	b, err := readVaultBody(r)
	if err != nil {
		return arm.Response{}, err
	}
	v, err := p.Vaults.Get(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	s, err := p.conditional(ctx, r, b.settings)
	if err != nil {
		return arm.Response{}, err
	}
	if s.Properties != nil {
		s.Properties, s.ExpectRevision = arm.Merge(v.Properties, s.Properties), v.Revision
	}
	if v, err = p.Vaults.Update(ctx, r.Target, s); err != nil {
		return arm.Response{}, err
	}
	return vaultAnswer(ctx, http.StatusOK, v)
}

// delete deletes a vault softly: its name stays taken until it is purged.
func (p *vaultProvider) delete(ctx context.Context, r *arm.Request) (arm.Response, error) {
	v, err := p.Vaults.Get(ctx, r.Target)
	if err == nil {
		if err = r.Precondition().Check(vaultTag(v)); err == nil {
			err = p.Vaults.Delete(ctx, r.Target)
		}
	}
	switch {
	case errors.Is(err, vault.ErrVaultNotFound):
		return arm.NoContent()
	case err != nil:
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}

// policies adds, replaces or removes access policies.
func (p *vaultProvider) policies(ctx context.Context, r *arm.Request) (arm.Response, error) {
	props, err := r.Properties()
	if err != nil {
		return arm.Response{}, err
	}
	given, err := readPolicies(props)
	if err != nil {
		return arm.Response{}, err
	}
	if given == nil {
		return arm.Response{}, arm.ErrContent.With("The member 'properties.accessPolicies' is required.")
	}
	before, err := p.Vaults.Get(ctx, r.Target.Parent())
	if err != nil {
		return arm.Response{}, err
	}
	v, err := p.Vaults.SetAccessPolicies(ctx, r.Target.Parent(), vault.PolicyOperation(strings.ToLower(r.Var("operation"))), *given)
	if err != nil {
		return arm.Response{}, err
	}
	w := wirePolicies{ID: v.ID.String() + "/accessPolicies/", Type: vault.Type + "/accessPolicies", Location: v.Location}
	w.Properties.AccessPolicies = newPolicies(v.Policies)
	if len(v.Policies) > len(before.Policies) {
		return arm.Created(w)
	}
	return arm.OK(w)
}

// listDeleted answers with the soft-deleted vaults of the subscription.
func (p *vaultProvider) listDeleted(ctx context.Context, r *arm.Request) (arm.Response, error) {
	all, err := p.Vaults.ListDeleted(ctx, r.Subscription())
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(all, func(v vault.Vault) string { return v.ID.Key() })
	return arm.Page(ctx, r, fetch, func(_ context.Context, v vault.Vault) (any, error) { return newDeleted(v), nil })
}

// getDeleted answers with one soft-deleted vault.
func (p *vaultProvider) getDeleted(ctx context.Context, r *arm.Request) (arm.Response, error) {
	v, err := p.Vaults.GetDeleted(ctx, r.Subscription(), r.Var("location"), r.Var("vault"))
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newDeleted(v))
}

// purge removes a soft-deleted vault for good. It is done when it answers, and says where to
// ask all the same: Terraform would look for the vault itself otherwise, and take that it is
// gone for a failure (go-azure-sdk, client/resourcemanager/poller.go).
func (p *vaultProvider) purge(ctx context.Context, r *arm.Request) (arm.Response, error) {
	if err := p.Vaults.Purge(ctx, r.Subscription(), r.Var("location"), r.Var("vault")); err != nil {
		return arm.Response{}, err
	}
	result := httpd.EntryFrom(ctx).ResourceManager + "/subscriptions/" + string(r.Subscription()) + "/providers/Microsoft.KeyVault/locations/" +
		url.PathEscape(r.Var("location")) + "/operationResults/" + url.PathEscape(r.Var("vault")) + "?api-version=" + url.QueryEscape(r.Version)
	return arm.Response{Status: http.StatusAccepted, Location: result}, nil
}

// purged is the result of every purge: there is nothing left to wait for.
func (p *vaultProvider) purged(context.Context, *arm.Request) (arm.Response, error) {
	return arm.Response{Status: http.StatusOK}, nil
}

// checkName says whether a vault may have a name. Deleted vaults keep theirs.
func (p *vaultProvider) checkName(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	name, err := body.Text("name")
	if err != nil {
		return arm.Response{}, err
	}
	if !vault.ValidName(name) {
		return arm.OK(tracked.NameAnswer{Reason: "AccountNameInvalid", Message: "The vault name is invalid."})
	}
	free, err := p.nameFree(ctx, r, name)
	if err != nil {
		return arm.Response{}, err
	}
	if !free {
		return arm.OK(tracked.NameAnswer{Reason: "AlreadyExists", Message: "The vault name '" + name + "' is already in use."})
	}
	return arm.OK(tracked.NameAnswer{NameAvailable: true})
}

// nameFree reports whether no vault has the name, living or deleted.
func (p *vaultProvider) nameFree(ctx context.Context, r *arm.Request, name string) (bool, error) {
	if _, err := p.Vaults.GetByName(ctx, name); !errors.Is(err, vault.ErrVaultNotFound) {
		return false, err
	}
	subs, err := p.Resources.Subscriptions(ctx, r.Tenant())
	if err != nil {
		return false, err
	}
	for _, s := range subs {
		if _, err := p.Vaults.GetDeleted(ctx, s.ID, "", name); !errors.Is(err, vault.ErrVaultNotFound) {
			return false, err
		}
	}
	return true, nil
}
