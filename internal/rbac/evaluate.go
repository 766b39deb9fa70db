package rbac

import (
	"github.com/sealring/sealring/internal/rbac/attribute"
	"github.com/sealring/sealring/internal/rbac/condition"
)

// Attribute is a fact about a request that conditions can ask for.
type Attribute = attribute.Attribute

// Source says whose attribute it is.
type Source = condition.Source

// The sources that services supply attributes of.
const (
	OfRequest  = condition.Request
	OfResource = condition.Resource
)

// AssignmentAttributes are the attributes of an assignment that is written (OfRequest) or
// deleted (OfResource), for the roles that let others grant some roles only.
func AssignmentAttributes(from Source, role RoleID, principal string, kind PrincipalType) []Attribute {
	const of = attribute.RoleAssignments
	return []Attribute{
		{Source: from, Type: of, Name: "RoleDefinitionId", Values: []string{string(role)}},
		{Source: from, Type: of, Name: "PrincipalId", Values: []string{principal}},
		{Source: from, Type: of, Name: "PrincipalType", Values: []string{string(kind)}},
	}
}

// evaluation is the facts of one request for conditions.
type evaluation struct {
	attribute.Facts
	data bool
}

// newEvaluation gathers the facts.
func newEvaluation(r Request, f Facts, action []byte) *evaluation {
	return &evaluation{attribute.Facts{Scope: r.Scope, Action: action, SubOf: r.SubOperation, Supplied: r.Attributes, Now: f.Now}, r.Data}
}
