package authorization

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
)

// pagedCheckAccess is the first api-version that answers with an object; before, the answer
// is an array (CP §5.8).
const pagedCheckAccess = "2021-06-01-preview"

// mostActions is how many actions a question may name.
const mostActions = 200

// wireAccess is the decision on one action.
type wireAccess struct {
	ActionID         string            `json:"actionId"`
	AccessDecision   string            `json:"accessDecision"`
	IsDataAction     bool              `json:"isDataAction"`
	RoleAssignment   *accessAssignment `json:"roleAssignment,omitempty"`
	DenyAssignment   *wireDeny         `json:"denyAssignment,omitempty"`
	TimeToLiveInMs   int               `json:"timeToLiveInMs"`
	DecisionReasonID string            `json:"decisionReason,omitempty"`
}

// accessAssignment is the role assignment behind a decision.
type accessAssignment struct {
	ID               string  `json:"id"`
	RoleDefinitionID string  `json:"roleDefinitionId"`
	PrincipalID      string  `json:"principalId"`
	PrincipalType    string  `json:"principalType"`
	Scope            string  `json:"scope"`
	Condition        *string `json:"condition"`
	ConditionVersion *string `json:"conditionVersion"`
	CanDelegate      bool    `json:"canDelegate"`
}

// accessQuestion is the body of checkAccess, read.
type accessQuestion struct {
	subject id.Object
	scope   resource.ID
	actions []rbac.Request
}

// timeToLive is how long an answer may be kept, in milliseconds: as long as any decision
// of ours may be old (L-3).
const timeToLive = 1000

// checkAccess answers for one principal and up to 200 actions. About others may ask who has
// Microsoft.Authorization/checkAccess/action at the scope. Groups in the body are not
// believed: the directory is asked.
func (p *authorizationProvider) checkAccess(ctx context.Context, r *arm.Request) (arm.Response, error) {
	q, err := readAccess(r)
	if err != nil {
		return arm.Response{}, err
	}
	if q.subject != r.Principal.Object {
		allowed, err := r.Visible(ctx, q.scope)
		if err != nil {
			return arm.Response{}, err
		}
		if !allowed {
			return arm.Response{}, r.DenyAt(q.scope)
		}
	}
	list := []wireAccess{}
	for _, a := range q.actions {
		d, err := p.RBAC.Decide(ctx, a)
		if err != nil {
			return arm.Response{}, err
		}
		w := wireAccess{ActionID: a.Action, AccessDecision: "NotAllowed", IsDataAction: a.Data, TimeToLiveInMs: timeToLive}
		if held := d.Assignment(); held != nil {
			w.AccessDecision = "Allowed"
			w.RoleAssignment = &accessAssignment{ID: held.ID(), RoleDefinitionID: held.RoleWireID(), PrincipalID: string(held.Principal),
				PrincipalType: string(held.PrincipalType), Scope: held.Scope.String(), Condition: orNull(held.Condition), ConditionVersion: orNull(held.ConditionVersion)}
		}
		if d.Deny != nil {
			deny, err := p.newDeny(ctx, r.Tenant(), d.Deny)
			if err != nil {
				return arm.Response{}, err
			}
			w.AccessDecision, w.DenyAssignment = "Denied", &deny
		}
		list = append(list, w)
	}
	if r.Version < pagedCheckAccess { // dates compare as texts
		return arm.OK(list)
	}
	return arm.OK(arm.OnePage[wireAccess]{Value: list})
}

// readAccess reads the body: Subject.Attributes.ObjectId, Actions and Resource.Id, which
// lies at the scope of the request or below it. Errors: arm.ErrContent.
func readAccess(r *arm.Request) (q accessQuestion, err error) {
	body, err := r.Body()
	if err != nil {
		return q, err
	}
	if err := body.Exact("Subject", "Actions", "Resource", "Environment"); err != nil {
		return q, err
	}
	subject, err := body.Object("Subject")
	if err != nil {
		return q, err
	}
	who, err := subject.Object("Attributes")
	if err != nil {
		return q, err
	}
	if err := who.Exact("ObjectId"); err != nil {
		return q, err
	}
	text, err := who.Text("ObjectId")
	if err != nil {
		return q, err
	}
	if q.subject, err = id.ParseObject(text); err != nil {
		return q, arm.ErrContent.With("The member 'Subject.Attributes.ObjectId' must be a GUID.")
	}
	at, err := body.Object("Resource")
	if err != nil {
		return q, err
	}
	q.scope = r.Target
	if named, err := at.Text("Id"); err != nil {
		return q, err
	} else if named != "" {
		if q.scope, err = resource.ParseID(named); err != nil || !r.Target.Contains(q.scope) {
			return q, arm.ErrContent.With("The member 'Resource.Id' must be the id of the scope '%s' or of something below it.", r.Target)
		}
	}
	known, err := readAttributes(at, rbac.OfResource)
	if err != nil {
		return q, err
	}
	q.actions, err = readActions(body, rbac.Request{Principal: q.subject, Tenant: r.Tenant(), Scope: q.scope, Attributes: known})
	return q, err
}

// readActions reads the actions, each a copy of the question with its own attributes.
func readActions(body arm.Object, question rbac.Request) (list []rbac.Request, err error) {
	var actions []arm.Object
	if err := body.Into("Actions", &actions); err != nil {
		return nil, err
	}
	if len(actions) == 0 || len(actions) > mostActions {
		return nil, arm.ErrContent.With("The member 'Actions' must name between 1 and %d actions.", mostActions)
	}
	for _, a := range actions {
		one := question
		if err := a.Exact("Id", "IsDataAction", "Attributes"); err != nil {
			return nil, err
		}
		if one.Action, err = a.Text("Id"); err != nil {
			return nil, err
		}
		if one.Action == "" || len(one.Action) > 1024 {
			return nil, arm.ErrContent.With("Every action needs an 'Id'.")
		}
		if err := a.Into("IsDataAction", &one.Data); err != nil {
			return nil, err
		}
		of, err := readAttributes(a, rbac.OfRequest)
		if err != nil {
			return nil, err
		}
		one.Attributes = slices.Concat(question.Attributes, of)
		list = append(list, one)
	}
	return list, nil
}

// readAttributes reads the member Attributes: an object whose members are "type:name" and
// whose values are texts, numbers, truth values or lists of texts.
func readAttributes(o arm.Object, from rbac.Source) ([]rbac.Attribute, error) {
	of, err := o.Object("Attributes")
	if err != nil {
		return nil, err
	}
	var list []rbac.Attribute
	for _, full := range slices.Sorted(maps.Keys(of)) {
		a := rbac.Attribute{Source: from, Name: full}
		if kind, name, found := strings.Cut(full, ":"); found {
			a.Type, a.Name = kind, name
		}
		if !of.Has(full) {
			list = append(list, a) // null: known to be absent
			continue
		}
		if json.Unmarshal(of[full], &a.Values) != nil {
			var one string
			if json.Unmarshal(of[full], &one) != nil {
				one = strings.TrimSpace(string(of[full]))
				if strings.HasPrefix(one, "{") || strings.HasPrefix(one, "[") {
					return nil, arm.ErrContent.With("The attribute '%.100s' must be a text, a number, a truth value or a list of texts.", full)
				}
			}
			a.Values = []string{one}
		}
		list = append(list, a)
	}
	return list, nil
}
