package rbac

import "github.com/sealring/sealring/internal/resource"

// Explanation says why a request is decided as it is, for people and for programs.
type Explanation struct {
	Request  Request
	Decision Decision
	// Sentence is the decision in words.
	Sentence string
	// Rule is what allowed or forbade it; nil where nothing applied.
	Rule *Rule
	// NearMisses are what almost allowed it, the most telling first; at most 10.
	NearMisses []NearMiss
	// Grant is the smallest grant that would allow it; nil where it is allowed, or where
	// no grant can help.
	Grant *Grant
}

// Rule is the line of policy behind a decision.
type Rule struct {
	Role     RoleID
	Name     string      // of the role, or of the deny assignment
	Pattern  string      // of the block that covers the action
	Scope    resource.ID // where it is assigned
	ViaGroup bool        // assigned to a group that holds the principal
	// Condition is what the rule depends on; "" for none.
	Condition string
}

// The kinds of near misses.
const (
	MissScope     = "other_scope"   // the role grants the action, but is assigned elsewhere
	MissPlane     = "other_plane"   // the role covers the name, but on the other plane
	MissCut       = "not_actions"   // the role grants it and cuts it out again
	MissCondition = "condition"     // the role grants it under a condition that does not hold, or that nobody can evaluate
	MissRole      = "other_actions" // the role applies here, and does not grant the action
)

// NearMiss is an assignment that almost allowed the request.
type NearMiss struct {
	Kind       string
	Assignment *Assignment
	Role       string // name of the role
	Sentence   string
}

// Grant is an assignment that somebody could make.
type Grant struct {
	Role     RoleID
	RoleName string
	Scope    resource.ID
	// Operations estimates how many operations the role grants: those of its patterns
	// that are named in some built-in role.
	Operations int
	Sentence   string
}
