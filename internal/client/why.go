package client

import (
	"context"
	"net/http"
	"strings"
)

// Question is what `why` asks: may the principal (object id) do the action at the scope?
type Question struct {
	PrincipalID string `json:"principalId"`
	Action      string `json:"action"`
	Data        bool   `json:"dataAction"` // the action is one on data
}

// Explanation is the decision, the rule behind it and the smallest grant that would change it.
type Explanation struct {
	Allowed    bool       `json:"allowed"`
	Reason     string     `json:"reason"` // a stable code, for example "no_grant"
	Sentence   string     `json:"sentence"`
	Rule       *Rule      `json:"rule,omitempty"`
	NearMisses []NearMiss `json:"nearMisses,omitempty"`
	Grant      *Grant     `json:"grant,omitempty"`
}

// Rule is the assignment or deny assignment that decided.
type Rule struct {
	RoleDefinitionID string `json:"roleDefinitionId"`
	RoleName         string `json:"roleName"`
	Pattern          string `json:"pattern"`
	Scope            string `json:"scope"`
	ViaGroup         bool   `json:"viaGroup,omitempty"`
}

// NearMiss is an assignment that almost allowed the request.
type NearMiss struct {
	Kind             string `json:"kind"`
	RoleAssignmentID string `json:"roleAssignmentId,omitempty"`
	RoleName         string `json:"roleName"`
	Sentence         string `json:"sentence"`
}

// Grant is an assignment somebody could make.
type Grant struct {
	RoleDefinitionID string `json:"roleDefinitionId"`
	RoleName         string `json:"roleName"`
	Scope            string `json:"scope"`
	Operations       int    `json:"operations,omitempty"`
	Sentence         string `json:"sentence"`
}

// Why asks Resource Manager to explain a decision at scope.
func (c *Client) Why(ctx context.Context, q Question, scope string) (Explanation, error) {
	var e Explanation
	err := c.manage(ctx, http.MethodPost, strings.TrimSuffix(scope, "/")+"/providers/Microsoft.Authorization/why", versionRBAC, q, &e)
	return e, err
}
