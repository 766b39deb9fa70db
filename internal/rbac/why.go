package rbac

import (
	"context"
	"fmt"
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/pattern"
)

// mostMisses bounds the near misses of an explanation.
const mostMisses = 10

// Why explains the decision on r: the rule behind it, what almost allowed it, and the
// smallest grant that would. It decides nothing itself. Errors as Decide.
func (s *Service) Why(ctx context.Context, r Request) (Explanation, error) {
	p, err := s.policy(ctx)
	if err != nil {
		return Explanation{}, err
	}
	groups, alive, err := s.directory.Groups(ctx, r.Principal)
	if err != nil {
		return Explanation{}, err
	}
	if !alive {
		return p.explainGone(r), nil
	}
	return p.Why(r, groups), nil
}

// Why explains the decision on r for a living principal that is a member of groups, transitively.
func (p *Policy) Why(r Request, groups []id.Object) Explanation {
	e := Explanation{Request: r, Decision: p.Decide(r, groups)}
	action := pattern.Fold(nil, r.Action)
	switch {
	case e.Decision.Allowed:
		a := e.Decision.Assignment
		d := p.roles[a.Role]
		_, pattern := d.coverage(action, r.Data)
		e.Rule = &Rule{Role: d.ID, Name: d.Name, Pattern: pattern, Scope: a.Scope, ViaGroup: a.Principal != r.Principal}
		e.Sentence = fmt.Sprintf("Allowed: the role %q, assigned%s at %s, grants %q, which covers %s.",
			d.Name, via(e.Rule.ViaGroup), a.Scope, pattern, plainly(r))
	case e.Decision.Deny != nil:
		a := e.Decision.Deny
		_, pattern := (&Definition{Permissions: a.Permissions}).coverage(action, r.Data)
		e.Rule = &Rule{Name: a.DisplayName, Pattern: pattern, Scope: a.Scope, ViaGroup: !slices.Contains(a.Principals, r.Principal)}
		e.Sentence = fmt.Sprintf("Denied: the deny assignment %q at %s forbids %q, which covers %s. No role can override it.",
			a.DisplayName, a.Scope, pattern, plainly(r))
	default:
		e.NearMisses = p.nearMisses(r, groups, action)
		e.Grant = p.smallestGrant(r, action)
		e.Sentence = fmt.Sprintf("Denied: no role assigned to the principal at %s or above it grants %s.%s",
			r.Scope, plainly(r), p.planeHint(r, action, e.Grant))
	}
	return e
}

// explainGone explains the refusal of a principal that is deleted, disabled or unknown.
func (p *Policy) explainGone(r Request) Explanation {
	e := Explanation{Request: r, Decision: Decision{Reason: ReasonPrincipal}}
	held := 0
	for _, a := range p.assignments {
		if a.Principal == r.Principal {
			held++
		}
	}
	e.Sentence = fmt.Sprintf("Denied: the principal %s is deleted, disabled or unknown, so it may do nothing; %d assignments still name it. A new object with its name has another id and needs grants of its own.",
		r.Principal, held)
	return e
}

// plainly names the action and its plane.
func plainly(r Request) string {
	if r.Data {
		return fmt.Sprintf("the data action %s", r.Action)
	}
	return fmt.Sprintf("the control action %s", r.Action)
}

// via is the half sentence for an assignment through a group.
func via(group bool) string {
	if group {
		return " to a group that holds the principal"
	}
	return ""
}

// planeHint is a further sentence where the action is asked for on the wrong plane: no
// role grants it there, and some role names it on the other.
func (p *Policy) planeHint(r Request, action []byte, found *Grant) string {
	if found != nil {
		return ""
	}
	other := r
	other.Data = !r.Data
	if p.smallestGrant(other, action) == nil {
		return " No built-in role grants it at all: check its spelling."
	}
	return fmt.Sprintf(" No built-in role grants it there: it is %s.", plainly(other))
}

// coverage says how a role stands to the folded action: "" and the pattern where it grants
// it, else the kind of near miss.
func (d *Definition) coverage(action []byte, data bool) (kind, pattern string) {
	kind = MissRole
	for _, p := range d.Permissions {
		grants, cuts, other := p.Actions, p.NotActions, p.DataActions
		if data {
			grants, cuts, other = p.DataActions, p.NotDataActions, p.Actions
		}
		text, covers := firstMatch(grants, action)
		cut, isCut := firstMatch(cuts, action)
		elsewhere, crosses := firstMatch(other, action)
		switch {
		case covers && !isCut && p.Condition == "":
			return "", text
		case covers && !isCut:
			kind, pattern = MissCondition, text
		case covers && kind != MissCondition:
			kind, pattern = MissCut, cut
		case crosses && kind == MissRole:
			kind, pattern = MissPlane, elsewhere
		}
	}
	return kind, pattern
}

// firstMatch returns the first of the patterns that matches the folded action.
func firstMatch(patterns []string, action []byte) (string, bool) {
	for _, text := range patterns {
		p := pattern.Compile(text)
		if p.Match(action) {
			return text, true
		}
	}
	return "", false
}

// missOrder is the order in which near misses are told, the most telling first.
var missOrder = []string{MissScope, MissPlane, MissCut, MissCondition, MissRole}

// nearMisses returns the assignments that almost allowed a refused request.
func (p *Policy) nearMisses(r Request, groups []id.Object, action []byte) []NearMiss {
	var misses []NearMiss
	for _, a := range p.assignments {
		d := p.roles[a.Role]
		if d == nil || a.Principal != r.Principal && !slices.Contains(groups, a.Principal) {
			continue
		}
		kind, pattern := d.coverage(action, r.Data)
		applies := a.Scope.Contains(r.Scope)
		if kind == "" && !applies {
			kind = MissScope
		} else if !applies {
			continue
		}
		misses = append(misses, NearMiss{Kind: kind, Assignment: a, Role: d.Name, Sentence: missSentence(kind, pattern, d, a, r)})
	}
	slices.SortStableFunc(misses, func(a, b NearMiss) int {
		return slices.Index(missOrder, a.Kind) - slices.Index(missOrder, b.Kind)
	})
	return misses[:min(len(misses), mostMisses)]
}

// missSentence says in words why an assignment did not help.
func missSentence(kind, pattern string, d *Definition, a *Assignment, r Request) string {
	switch kind {
	case MissScope:
		return fmt.Sprintf("The role %q would grant it, but is assigned at %s, which does not hold %s.", d.Name, a.Scope, r.Scope)
	case MissPlane:
		if r.Data {
			return fmt.Sprintf("The role %q at %s grants %q on the control plane only; this is a data action.", d.Name, a.Scope, pattern)
		}
		return fmt.Sprintf("The role %q at %s grants %q on the data plane only; this is a control action.", d.Name, a.Scope, pattern)
	case MissCut:
		return fmt.Sprintf("The role %q at %s leaves it out: %q is among what it does not grant.", d.Name, a.Scope, pattern)
	case MissCondition:
		return fmt.Sprintf("The role %q at %s grants it under a condition. Conditions are not evaluated, so it grants nothing.", d.Name, a.Scope)
	}
	return fmt.Sprintf("The role %q at %s applies here and does not grant it.", d.Name, a.Scope)
}
