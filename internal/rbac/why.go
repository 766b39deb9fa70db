package rbac

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/rbac/condition"
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
	facts, alive, err := s.facts(ctx, r)
	if err != nil {
		return Explanation{}, err
	}
	if !alive {
		foreign, err := s.foreign(ctx, r)
		return p.explainGone(r, foreign), err
	}
	if apart, err := s.apart(ctx, r.Principal, r.Scope); err != nil || apart {
		return Explanation{Request: r, Decision: Decision{Reason: ReasonTenant},
			Sentence: fmt.Sprintf("Denied: the principal %s belongs to another tenant than %s, and nothing is granted across tenants.", r.Principal, r.Scope)}, err
	}
	return p.Why(r, facts), nil
}

// Why explains the decision on r for a living principal.
func (p *Policy) Why(r Request, f Facts) Explanation {
	e := Explanation{Request: r, Decision: p.Decide(r, f)}
	action := pattern.Fold(nil, r.Action)
	facts := newEvaluation(r, f, action)
	switch {
	case e.Decision.Allowed:
		a := e.Decision.Assignment()
		d := p.roles.byID[a.Role]
		c := d.coverageIn(facts)
		e.Rule = &Rule{Role: d.ID, Name: d.Name, Pattern: c.pattern, Scope: a.Scope, ViaGroup: a.Principal != r.Principal, Condition: cmp.Or(a.Condition, c.condition)}
		e.Sentence = fmt.Sprintf("Allowed: the role %q, assigned%s at %s, grants %q, which covers %s.%s",
			d.Name, via(e.Rule.ViaGroup), a.Scope, c.pattern, plainly(r), under(e.Rule.Condition))
	case e.Decision.Deny != nil:
		a := e.Decision.Deny
		c := (&Definition{Permissions: a.Permissions}).coverage(action, r.Data)
		e.Rule = &Rule{Name: a.DisplayName, Pattern: c.pattern, Scope: a.Scope, ViaGroup: !slices.Contains(a.Principals, r.Principal), Condition: c.condition}
		e.Sentence = fmt.Sprintf("Denied: the deny assignment %q at %s forbids %q, which covers %s. No role can override it.",
			a.DisplayName, a.Scope, c.pattern, plainly(r))
	default:
		e.NearMisses = p.nearMisses(r, f, facts)
		e.Grant = p.smallestGrant(r, action)
		e.Sentence = fmt.Sprintf("Denied: no role assigned to the principal at %s or above it grants %s.%s",
			r.Scope, plainly(r), p.planeHint(r, action, e.Grant))
	}
	return e
}

// under is a further sentence for a rule with a condition.
func under(text string) string {
	if text == "" {
		return ""
	}
	return " Its condition holds: " + text
}

// explainGone explains the refusal of a principal that is deleted, disabled or unknown.
// Of a principal of another directory it tells no more than of none.
func (p *Policy) explainGone(r Request, foreign bool) Explanation {
	e := Explanation{Request: r, Decision: Decision{Reason: ReasonPrincipal}}
	held := len(p.set.Of(r.Principal).Grants())
	if foreign {
		held = 0
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

// covering is how a role stands to an action: kind is "" where it grants it, else the kind
// of near miss; condition is the text that the grant depends on.
type covering struct {
	kind, pattern, condition string
	value                    condition.Truth // of the condition, where there are facts
}

// coverage says how a role stands to the folded action, without regard to any request.
func (d *Definition) coverage(action []byte, data bool) (best covering) {
	best.kind = MissRole
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
			return covering{pattern: text}
		case covers && !isCut:
			best = covering{kind: MissCondition, pattern: text, condition: p.Condition}
		case covers && best.kind != MissCondition:
			best = covering{kind: MissCut, pattern: cut}
		case crosses && best.kind == MissRole:
			best = covering{kind: MissPlane, pattern: elsewhere}
		}
	}
	return best
}

// coverageIn is coverage with the conditions of the blocks evaluated for a request.
func (d *Definition) coverageIn(e *evaluation) covering {
	best := d.coverage(e.Action, e.data)
	if best.kind != MissCondition {
		return best
	}
	for _, p := range d.Permissions {
		c := (&Definition{Permissions: []Permission{p}}).coverage(e.Action, e.data)
		if c.kind != MissCondition {
			continue
		}
		parsed := condition.OrUnknown(c.condition)
		if c.value = parsed.Eval(e); c.value == condition.True {
			c.kind = ""
			return c
		}
		best = c
	}
	return best
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
func (p *Policy) nearMisses(r Request, f Facts, facts *evaluation) []NearMiss {
	var misses []NearMiss
	for _, holder := range append([]id.Object{r.Principal}, f.Groups...) {
		for _, a := range p.held(holder) {
			d := p.roles.byID[a.Role]
			if d == nil {
				continue
			}
			c := d.coverageIn(facts)
			applies := a.Scope.Contains(r.Scope) || slices.ContainsFunc(f.Above, a.Scope.Equal)
			switch {
			case c.kind == "" && !applies:
				c.kind = MissScope
			case !applies:
				continue
			case c.kind == "":
				parsed := condition.OrUnknown(a.Condition)
				c = covering{kind: MissCondition, pattern: c.pattern, condition: a.Condition, value: parsed.Eval(facts)}
			}
			misses = append(misses, NearMiss{Kind: c.kind, Assignment: a, Role: d.Name, Sentence: missSentence(c, d, a, r)})
		}
	}
	slices.SortStableFunc(misses, func(a, b NearMiss) int {
		return slices.Index(missOrder, a.Kind) - slices.Index(missOrder, b.Kind)
	})
	return misses[:min(len(misses), mostMisses)]
}

// missSentence says in words why an assignment did not help.
func missSentence(c covering, d *Definition, a *Assignment, r Request) string {
	switch c.kind {
	case MissScope:
		return fmt.Sprintf("The role %q would grant it, but is assigned at %s, which does not hold %s.", d.Name, a.Scope, r.Scope)
	case MissPlane:
		if r.Data {
			return fmt.Sprintf("The role %q at %s grants %q on the control plane only; this is a data action.", d.Name, a.Scope, c.pattern)
		}
		return fmt.Sprintf("The role %q at %s grants %q on the data plane only; this is a control action.", d.Name, a.Scope, c.pattern)
	case MissCut:
		return fmt.Sprintf("The role %q at %s leaves it out: %q is among what it does not grant.", d.Name, a.Scope, c.pattern)
	case MissCondition:
		if c.value == condition.Unknown {
			return fmt.Sprintf("The role %q at %s grants it under a condition that asks for what is not known of this request, so it grants nothing: %s", d.Name, a.Scope, c.condition)
		}
		return fmt.Sprintf("The role %q at %s grants it under a condition that does not hold: %s", d.Name, a.Scope, c.condition)
	}
	return fmt.Sprintf("The role %q at %s applies here and does not grant it.", d.Name, a.Scope)
}
