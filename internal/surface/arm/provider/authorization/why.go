package authorization

import (
	"context"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// wireExplanation is the answer of why: Azure has no such call; `sealring why` is its
// client (docs/divergences.md).
type wireExplanation struct {
	Allowed    bool           `json:"allowed"`
	Reason     string         `json:"reason"`
	Sentence   string         `json:"sentence"`
	Rule       *wireRule      `json:"rule,omitempty"`
	NearMisses []wireNearMiss `json:"nearMisses,omitempty"`
	Grant      *wireGrant     `json:"grant,omitempty"`
}

// wireRule is the line of policy behind the decision.
type wireRule struct {
	RoleDefinitionID string `json:"roleDefinitionId,omitempty"`
	RoleName         string `json:"roleName"`
	Pattern          string `json:"pattern"`
	Scope            string `json:"scope"`
	ViaGroup         bool   `json:"viaGroup,omitempty"`
	Condition        string `json:"condition,omitempty"`
}

// wireNearMiss is an assignment that almost allowed it.
type wireNearMiss struct {
	Kind             string `json:"kind"`
	RoleAssignmentID string `json:"roleAssignmentId,omitempty"`
	RoleName         string `json:"roleName"`
	Sentence         string `json:"sentence"`
}

// wireGrant is the smallest grant that would allow it.
type wireGrant struct {
	RoleDefinitionID string `json:"roleDefinitionId"`
	RoleName         string `json:"roleName"`
	Scope            string `json:"scope"`
	Operations       int    `json:"operations,omitempty"`
	Sentence         string `json:"sentence"`
}

// why explains a decision at the scope. What it says is what the assignments there say, so
// the caller must be allowed to read them; assignments elsewhere that the caller may not
// read are left out.
func (p *authorizationProvider) why(ctx context.Context, r *arm.Request) (arm.Response, error) {
	q, err := readQuestion(r)
	if err != nil {
		return arm.Response{}, err
	}
	e, err := p.RBAC.Why(ctx, q)
	if err != nil {
		return arm.Response{}, err
	}
	var told []rbac.NearMiss
	for _, m := range e.NearMisses {
		visible := m.Assignment == nil || m.Assignment.Scope.Contains(r.Target)
		if !visible {
			if visible, err = r.Visible(ctx, m.Assignment.Scope); err != nil {
				return arm.Response{}, err
			}
		}
		if visible {
			told = append(told, m)
		}
	}
	e.NearMisses = told
	return arm.OK(newExplanation(e, r.Target))
}

// readQuestion reads the body of why: principalId, action, and whether the action is one
// on data. Errors: arm.ErrContent.
func readQuestion(r *arm.Request) (q rbac.Request, err error) {
	body, err := r.Body()
	if err != nil {
		return q, err
	}
	if err := body.Exact("principalId", "action", "dataAction"); err != nil {
		return q, err
	}
	principal, err := body.Text("principalId")
	if err != nil {
		return q, err
	}
	if q.Action, err = body.Text("action"); err != nil {
		return q, err
	}
	if err := body.Into("dataAction", &q.Data); err != nil {
		return q, err
	}
	if q.Principal, err = id.ParseObject(principal); err != nil || q.Action == "" {
		return q, arm.ErrContent.With("The members 'principalId', a GUID, and 'action' are required.")
	}
	q.Scope, q.Tenant = r.Target, r.Tenant()
	return q, nil
}

// newExplanation shapes an explanation given at scope.
func newExplanation(e rbac.Explanation, scope resource.ID) wireExplanation {
	roleID := func(role rbac.RoleID, at resource.ID) string {
		if role == "" {
			return ""
		}
		return (&rbac.Definition{ID: role}).WireID(at)
	}
	w := wireExplanation{Allowed: e.Decision.Allowed, Reason: e.Decision.Reason, Sentence: e.Sentence}
	if e.Rule != nil {
		w.Rule = &wireRule{RoleDefinitionID: roleID(e.Rule.Role, scope), RoleName: e.Rule.Name, Pattern: e.Rule.Pattern,
			Scope: e.Rule.Scope.String(), ViaGroup: e.Rule.ViaGroup, Condition: e.Rule.Condition}
	}
	for _, m := range e.NearMisses {
		n := wireNearMiss{Kind: m.Kind, RoleName: m.Role, Sentence: m.Sentence}
		if m.Assignment != nil {
			n.RoleAssignmentID = m.Assignment.ID()
		}
		w.NearMisses = append(w.NearMisses, n)
	}
	if e.Grant != nil {
		w.Grant = &wireGrant{RoleDefinitionID: roleID(e.Grant.Role, e.Grant.Scope), RoleName: e.Grant.RoleName,
			Scope: e.Grant.Scope.String(), Operations: e.Grant.Operations, Sentence: e.Grant.Sentence}
	}
	return w
}
