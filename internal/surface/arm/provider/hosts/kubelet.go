package hosts

import (
	"context"
	"errors"
	"strings"

	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// identityProfile are the identities of a cluster's parts.
type identityProfile struct {
	Kubelet kubeletIdentity `json:"kubeletidentity"`
}

// kubeletIdentity is a user-assigned identity of a cluster's nodes.
type kubeletIdentity struct {
	ResourceID string `json:"resourceId"`
	ClientID   string `json:"clientId"`
	ObjectID   string `json:"objectId"`
}

// newKubelet shapes the profile of an identity.
func newKubelet(u managedidentity.UserAssigned) identityProfile {
	return identityProfile{kubeletIdentity{u.Resource.ID.String(), string(u.ClientID), string(u.PrincipalID)}}
}

// nodeGroupName is where a cluster keeps its nodes, unless its body says.
func nodeGroupName(res *resource.Resource) string {
	name := "MC_" + res.ID.Group() + "_" + res.ID.Name() + "_" + resource.CanonicalLocation(res.Location)
	return strings.TrimRight(name[:min(len(name), 80)], ".")
}

// prepareCluster resolves a kubelet identity that the body names. Naming another than
// before attaches it, which needs a second right (S-48). Errors: managedidentity.ErrIdentityNotFound,
// those of arm.Assigner.
func (d Deps) prepareCluster(ctx context.Context, r *arm.Request, w tracked.Write) error {
	nodes, err := w.Properties.Text("nodeResourceGroup")
	switch {
	case err != nil:
		return err
	case nodes == "": // Terraform sends it empty where nobody named one
		delete(w.Properties, "nodeResourceGroup")
	case resource.GroupID(r.Subscription(), nodes).Type() != resource.TypeGroup:
		return arm.ErrContent.With("The member 'nodeResourceGroup' must be the name of a resource group.")
	default:
		g, err := d.Resources.Group(ctx, resource.GroupID(r.Subscription(), nodes))
		if err != nil && !errors.Is(err, resource.ErrGroupNotFound) {
			return err
		}
		if err == nil && !strings.EqualFold(g.ManagedBy, r.Target.String()) {
			return errForeignGroup(nodes)
		}
	}
	kubelet := tracked.Decode(tracked.Decode(w.Properties["identityProfile"])["kubeletidentity"])
	text, err := kubelet.Text("resourceId")
	if err != nil {
		return err
	}
	if text == "" {
		delete(w.Properties, "identityProfile") // nothing else in it is ours to take
		return nil
	}
	identity, err := resource.ParseID(text)
	if err != nil || !identity.Is(managedidentity.Type) {
		return arm.ErrContent.With("The member 'resourceId' of the kubelet identity must be the id of a user assigned identity.")
	}
	before, err := d.Resources.Get(ctx, r.Target)
	if err != nil && !errors.Is(err, resource.ErrNotFound) {
		return err
	}
	had, err := tracked.Decode(tracked.Decode(tracked.Decode(before.Properties)["identityProfile"])["kubeletidentity"]).Text("resourceId")
	if err != nil {
		return err
	}
	if !strings.EqualFold(had, text) {
		if err := r.Assigning().CanAssign(ctx, identity); err != nil {
			return err
		}
	}
	u, err := d.Identities.GetUserAssigned(ctx, identity)
	if errors.Is(err, resource.ErrNotFound) || err == nil && u.Tenant != r.Tenant() {
		return managedidentity.ErrIdentityNotFound.With("Resource '%s' was not found.", identity)
	}
	if err != nil {
		return err
	}
	tracked.Set(w.Properties, "identityProfile", newKubelet(u))
	return nil
}

// errForeignGroup refuses to keep nodes in a group that the cluster did not make: whoever
// may write a cluster need not have any right in it.
func errForeignGroup(name string) error {
	return resource.ErrInvalid.With("The resource group '%s' exists already, and a cluster keeps its nodes in a group of its own.", name)
}

// makeKubeletIdentity gives a cluster without a kubelet identity one of its own, in the
// group of its nodes (CP §4.6). What a crash leaves half done the next write completes.
func (d Deps) makeKubeletIdentity(ctx context.Context, _ *arm.Request, res resource.Resource, _ arm.Object) (resource.Resource, error) {
	props := tracked.Decode(res.Properties)
	principal, err := tracked.Decode(props["servicePrincipalProfile"]).Text("clientId")
	if err != nil || props.Has("identityProfile") || principal != "" && principal != "msi" {
		return res, err
	}
	name, err := props.Text("nodeResourceGroup")
	if err != nil {
		return res, err
	}
	group, _, err := d.Resources.PutGroup(ctx, resource.GroupID(res.ID.Subscription(), name), resource.Precondition{}, func(g *resource.Group) error {
		switch {
		case g.Revision == 0:
			g.Location, g.ManagedBy = res.Location, res.ID.String()
		case !strings.EqualFold(g.ManagedBy, res.ID.String()):
			return errForeignGroup(name)
		}
		return nil
	})
	if err != nil {
		return res, err
	}
	u, _, err := d.Identities.CreateUserAssigned(ctx, managedidentity.UserAssignedWrite{ID: group.ID.Child(managedidentity.Type, res.ID.Name()+"-agentpool"),
		Edit: func(u *managedidentity.UserAssigned, exists bool) error {
			if !exists {
				u.Resource.Location = res.Location
			}
			return nil
		}})
	if err != nil {
		return res, err
	}
	return d.Identities.PatchHost(ctx, managedidentity.HostWrite{ID: res.ID, Edit: func(res *resource.Resource, _ bool) error {
		props := tracked.Decode(res.Properties)
		tracked.Set(props, "identityProfile", newKubelet(u))
		res.Properties = tracked.Encode(props)
		return nil
	}})
}

// nodeGroup finds the group of a cluster's nodes, if the cluster made it; the zero ID if not.
func (d Deps) nodeGroup(ctx context.Context, cluster resource.Resource) (resource.ID, error) {
	name, err := tracked.Decode(cluster.Properties).Text("nodeResourceGroup")
	if err != nil || name == "" {
		return resource.ID{}, err
	}
	group, err := d.Resources.Group(ctx, resource.GroupID(cluster.ID.Subscription(), name))
	if errors.Is(err, resource.ErrGroupNotFound) || err == nil && !strings.EqualFold(group.ManagedBy, cluster.ID.String()) {
		return resource.ID{}, nil
	}
	return group.ID, err
}

// freeNodeGroup refuses to delete a cluster whose group of nodes is locked: it goes, too.
func (d Deps) freeNodeGroup(ctx context.Context, r *arm.Request, was resource.Resource) error {
	group, err := d.nodeGroup(ctx, was)
	if err != nil || group.IsZero() {
		return err
	}
	return r.Unlocked(ctx, group, true)
}

// removeNodeGroup deletes the group of a deleted cluster's nodes.
func (d Deps) removeNodeGroup(ctx context.Context, was resource.Resource) error {
	group, err := d.nodeGroup(ctx, was)
	if err != nil || group.IsZero() {
		return err
	}
	_, err = d.Identities.DeleteGroup(ctx, group)
	return err
}
