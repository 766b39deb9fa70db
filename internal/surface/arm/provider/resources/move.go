package resources

import (
	"context"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/vault"
)

// moveResources moves resources to another group of the tenant (CP §2.13). Everything is
// done when the answer is sent.
func (p *resourcesProvider) moveResources(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.move(ctx, r, false)
}

// validateMove says whether a move could be made, without making it.
func (p *resourcesProvider) validateMove(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return p.move(ctx, r, true)
}

// move reads what shall be moved where. Whoever moves must be allowed to write the target
// group, too (S-46).
func (p *resourcesProvider) move(ctx context.Context, r *arm.Request, dry bool) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	if err := body.Exact("resources", "targetResourceGroup"); err != nil {
		return arm.Response{}, err
	}
	text, err := body.Text("targetResourceGroup")
	if err != nil {
		return arm.Response{}, err
	}
	target, err := resource.ParseID(text)
	if err != nil || target.Type() != resource.TypeGroup {
		return arm.Response{}, arm.ErrContent.With("The member 'targetResourceGroup' must be the id of a resource group.")
	}
	var list []string
	if err := body.Into("resources", &list); err != nil {
		return arm.Response{}, err
	}
	var resources []resource.ID
	for _, text := range list {
		one, err := resource.ParseID(text)
		if err != nil || !one.IsResource() {
			return arm.Response{}, arm.ErrContent.With("An element of 'resources' is not the id of a resource.")
		}
		if one.Is(vault.Type) {
			return arm.Response{}, resource.ErrMove.With("The vault '%s' cannot be moved.", one)
		}
		resources = append(resources, one)
	}
	allowed, err := r.Allowed(ctx, writeGroups, target)
	if err != nil {
		return arm.Response{}, err
	}
	if !allowed {
		return arm.Response{}, r.DenyAt(target)
	}
	for _, one := range resources { // it goes from where it is, so a lock against deletion holds it
		if err := r.Unlocked(ctx, one, true); err != nil {
			return arm.Response{}, err
		}
	}
	if err := r.Unlocked(ctx, target, false); err != nil {
		return arm.Response{}, err
	}
	if err := r.Unlocked(ctx, target, false); err != nil {
		return arm.Response{}, err
	}
	for _, one := range resources { // it is gone from where it was, and its locks with it
		if err := r.Unlocked(ctx, one, true); err != nil {
			return arm.Response{}, err
		}
	}
	if err := p.Identities.Move(ctx, managedidentity.Move{From: r.Target, Resources: resources, To: target, Dry: dry}); err != nil {
		return arm.Response{}, err
	}
	return arm.NoContent()
}
