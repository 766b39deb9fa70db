package template

import (
	"errors"
	"strings"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/template/expression"
	"github.com/sealring/sealring/internal/template/value"
)

// Mask stands in place of a secure value in what is shown.
const Mask = "*******"

// Secrets returns the texts in the secure parameters, for whoever must keep them out of
// what is shown.
func (p *Plan) Secrets() []string {
	p.shared.mu.Lock()
	defer p.shared.mu.Unlock()
	return p.secrets()
}

// secrets is Secrets during an evaluation.
func (p *Plan) secrets() []string {
	if p.in.outer != nil {
		return p.in.outer.owner.secrets()
	}
	var out []string
	declared := p.in.Template.Object("parameters")
	for _, name := range declared.Names() {
		if param := p.params[value.Fold(name)]; param != nil && param.state == 2 && param.err == nil && p.hidden(name, declared.Object(name)) {
			out = texts(out, param.value)
		}
		if given, there := p.in.Parameters.Find(name); there && p.hidden(name, declared.Object(name)) {
			out = texts(out, given)
		}
	}
	return out
}

// SecureIn returns what reports whether values of a schema in a template are not to be shown,
// in whole or in part.
func SecureIn(t *value.Object) func(schema *value.Object) bool {
	p := &Plan{schemas: map[string]*value.Object{}, shared: &shared{budget: expression.NewBudget(maxSteps)}}
	for _, name := range t.Object("definitions").Names() {
		p.schemas[value.Fold(name)] = t.Object("definitions").Object(name)
	}
	return p.secure
}

// texts appends the texts in a value.
func texts(to []string, v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			to = append(to, v)
		}
	case []any:
		for _, item := range v {
			to = texts(to, item)
		}
	case *value.Object:
		for _, name := range v.Names() {
			to = texts(to, v.Get(name))
		}
	}
	return to
}

// Hide takes secrets out of a message. Those of a few letters stay: every word has them.
func Hide(message string, secrets []string) string {
	for _, s := range secrets {
		if len(s) >= 4 {
			message = strings.ReplaceAll(message, s, Mask)
		}
	}
	return message
}

// hushed is an error of planning without secrets in what it says.
func (p *Plan) hushed(err error) error {
	said := fault.Message(err)
	hidden := Hide(said, p.secrets())
	if hidden == said {
		return err
	}
	for _, own := range []*fault.Error{ErrCircular, ErrParameterValue, ErrParameterKey, ErrParameterMissing, ErrInvalid} {
		if errors.Is(err, own) {
			return own.With("%s", hidden)
		}
	}
	return ErrInvalid.With("%s", hidden)
}
