package client

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// ServicePrincipal is what our commands read of a principal; people and groups have no AppID.
type ServicePrincipal struct {
	ID          string `json:"id"`
	AppID       string `json:"appId"`
	DisplayName string `json:"displayName"`
}

// Administrator is the word by which commands mean the platform's administrator, whatever
// principals are named so.
const Administrator = "admin"

// Principal finds a service principal by object id, application id, display name or the word
// Administrator, a person by object id or user name (name@domain), a group by object id. The
// name of a system-assigned identity is that of its resource. Errors: ErrNotFound, ErrScope
// when the name is not unique.
func (c *Client) Principal(ctx context.Context, text string) (ServicePrincipal, error) {
	if text == Administrator {
		text = c.at.AdminClientID
	}
	sets := []string{}
	switch {
	case uuid.Validate(text) == nil:
		sets = []string{"servicePrincipals", "users", "groups"}
	case strings.Contains(text, "@"):
		sets = []string{"users"}
	}
	for _, set := range sets {
		var p ServicePrincipal
		err := c.graph(ctx, "/"+set+"/"+url.PathEscape(strings.ToLower(text)), nil, &p)
		if err == nil || !isStatus(err, http.StatusNotFound) {
			return p, err
		}
	}
	field := "displayName"
	if uuid.Validate(text) == nil {
		field = "appId"
	}
	var page listed[ServicePrincipal]
	if err := c.graph(ctx, "/servicePrincipals", url.Values{"$filter": {field + " eq " + quoted(text)}}, &page); err != nil {
		return ServicePrincipal{}, err
	}
	switch len(page.Value) {
	case 0:
		return ServicePrincipal{}, ErrNotFound.With("no principal has the object id, application id or name %s; an app gets one from `sealring run --app NAME -- …`, the administrator is called %s", text, Administrator)
	case 1:
		return page.Value[0], nil
	}
	ids := make([]string, 0, len(page.Value))
	for _, p := range page.Value {
		ids = append(ids, p.ID)
	}
	return ServicePrincipal{}, ErrScope.With("%d principals are named %s; write one of the object ids %s", len(ids), text, strings.Join(ids, ", "))
}

// RoleDefinition is what our commands read of a role.
type RoleDefinition struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Properties struct {
		RoleName    string            `json:"roleName"`
		Permissions []RolePermissions `json:"permissions"`
	} `json:"properties"`
}

// RolePermissions are the patterns of a role.
type RolePermissions struct {
	Actions     []string `json:"actions"`
	DataActions []string `json:"dataActions"`
}

// Role finds a role by its name (case ignored) or GUID. Errors: ErrNotFound.
func (c *Client) Role(ctx context.Context, text, scope string) (RoleDefinition, error) {
	base := strings.TrimSuffix(scope, "/") + "/providers/Microsoft.Authorization/roleDefinitions"
	if uuid.Validate(text) == nil {
		var r RoleDefinition
		err := c.manage(ctx, http.MethodGet, base+"/"+strings.ToLower(text), versionRBAC, nil, &r)
		if isStatus(err, http.StatusNotFound) {
			err = ErrNotFound.With("there is no role with the id %s", text)
		}
		return r, err
	}
	found, err := listAll[RoleDefinition](ctx, c, base, versionRBAC, url.Values{"$filter": {"roleName eq " + quoted(text)}})
	if err != nil {
		return RoleDefinition{}, err
	}
	if len(found) == 0 {
		return RoleDefinition{}, c.noRole(ctx, text, base)
	}
	return found[0], nil
}

// noRole says that there is no role named text, and which names hold all its words, or most.
func (c *Client) noRole(ctx context.Context, text, base string) error {
	all, err := listAll[RoleDefinition](ctx, c, base, versionRBAC, nil)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(all))
	for _, r := range all {
		names = append(names, r.Properties.RoleName)
	}
	if near := nearest(names, text); len(near) > 0 {
		return ErrNotFound.With("there is no role named %q; did you mean %s?", text, strings.Join(near, ", "))
	}
	return ErrNotFound.With("there is no role named %q (for example \"Key Vault Secrets User\")", text)
}

// nearest are at most three of names, in quotes, that share most words with text: a word is
// shared when one of the two begins with the other. A single word of several is not near.
func nearest(names []string, text string) []string {
	want := strings.Fields(strings.ToLower(text))
	best, found := max(1, (len(want)+1)/2), []string(nil)
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	for _, name := range names {
		have, shared := strings.Fields(strings.ToLower(name)), 0
		for _, w := range want {
			if slices.ContainsFunc(have, func(h string) bool { return strings.HasPrefix(h, w) || strings.HasPrefix(w, h) }) {
				shared++
			}
		}
		if shared > best {
			best, found = shared, nil
		}
		if shared == best && len(found) < 3 {
			found = append(found, strconv.Quote(name))
		}
	}
	return found
}

// IsDataAction reports whether action is one on data: whether roles name it, or the most
// exact pattern that covers it, among their data actions.
func (c *Client) IsDataAction(ctx context.Context, action string) (bool, error) {
	roles, err := listAll[RoleDefinition](ctx, c, "/subscriptions/"+c.at.SubscriptionID+"/providers/Microsoft.Authorization/roleDefinitions", versionRBAC, nil)
	if err != nil {
		return false, err
	}
	control, data := -1, -1
	for _, r := range roles {
		for _, p := range r.Properties.Permissions {
			control = max(control, closest(p.Actions, action))
			data = max(data, closest(p.DataActions, action))
		}
	}
	return data > control, nil
}

// closest is the number of literal characters of the most exact pattern that covers
// action; -1 if none does.
func closest(patterns []string, action string) int {
	best := -1
	for _, p := range patterns {
		if covers(strings.ToLower(p), strings.ToLower(action)) {
			best = max(best, len(p)-strings.Count(p, "*"))
		}
	}
	return best
}

// covers reports whether a pattern with "*" for any run of characters matches all of text.
func covers(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}

// assignmentBody is the request of a role assignment (CP §5.3).
type assignmentBody struct {
	Properties assignmentProperties `json:"properties"`
}

// assignmentProperties are its members.
type assignmentProperties struct {
	RoleDefinitionID string `json:"roleDefinitionId"`
	PrincipalID      string `json:"principalId"`
}

// AssignmentPath is what `sealring rest` takes to read or delete a role assignment.
func AssignmentPath(id string) string { return escapePath(id) + "?api-version=" + versionRBAC }

// Assign gives principal (object id) a role at scope and returns the assignment's id. made is
// false when the principal had it already. The assignment's name follows from what it
// says, so that a repeated call is the same call.
func (c *Client) Assign(ctx context.Context, principal string, role RoleDefinition, scope string) (id string, made bool, err error) {
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.ToLower(scope+"|"+principal+"|"+role.Name))).String()
	id = strings.TrimSuffix(scope, "/") + "/providers/Microsoft.Authorization/roleAssignments/" + name
	if err := c.manage(ctx, http.MethodGet, id, versionRBAC, nil, nil); err == nil {
		return id, false, nil
	} else if !isStatus(err, http.StatusNotFound) {
		return "", false, err
	}
	body := assignmentBody{assignmentProperties{RoleDefinitionID: role.ID, PrincipalID: principal}}
	err = c.manage(ctx, http.MethodPut, id, versionRBAC, body, nil)
	if isStatus(err, http.StatusConflict) {
		return id, false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("assign %s: %w", role.Properties.RoleName, err)
	}
	return id, true, nil
}
