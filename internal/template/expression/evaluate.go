package expression

import (
	"strings"
	"sync/atomic"

	"github.com/sealring/sealring/internal/template/value"
)

// Environment answers what depends on where an expression stands.
type Environment interface {
	// Call answers a built-in function that this package does not know: parameters,
	// resourceId, reference … Errors: ErrFunction for one that nobody knows.
	Call(name string, args []any) (any, error)
	// CallUser answers a function of the template's own. Errors: ErrFunction.
	CallUser(namespace, name string, args []any) (any, error)
}

// Budget bounds the work of everything that is evaluated under it. It is safe for
// concurrent use.
type Budget struct{ left atomic.Int64 }

// NewBudget allows a number of steps: calls, members and bytes of results each count.
func NewBudget(steps int) *Budget {
	b := &Budget{}
	b.left.Store(int64(steps))
	return b
}

// Spend takes steps. Errors: ErrBudget.
func (b *Budget) Spend(steps int) error {
	if b.left.Add(-int64(steps)) < 0 {
		return ErrBudget
	}
	return nil
}

// Evaluator evaluates expressions in an environment.
type Evaluator struct {
	Env    Environment
	Budget *Budget
	frame  *frame
}

// frame holds the variables of a lambda that is being called.
type frame struct {
	above  *frame
	values map[string]any // by folded name
}

// lambda is a function as a value; it lives only between its place and the function that
// calls it.
type lambda struct {
	params []string // folded
	body   Node
	frame  *frame
}

// Eval returns the value of n. Errors: those of this package and of the environment.
func (e *Evaluator) Eval(n Node) (any, error) {
	v, err := e.eval(n)
	if err != nil {
		return nil, err
	}
	if _, isLambda := v.(*lambda); isLambda {
		return nil, ErrEvaluation.With("a lambda stands where a value is needed")
	}
	return v, nil
}

// eval is Eval that may return a lambda.
func (e *Evaluator) eval(n Node) (any, error) {
	if err := e.Budget.Spend(1); err != nil {
		return nil, err
	}
	switch n := n.(type) {
	case Literal:
		return n.Value, nil
	case *Member:
		of, err := e.Eval(n.Of)
		if err != nil {
			return nil, err
		}
		at, err := e.Eval(n.At)
		if err != nil {
			return nil, err
		}
		return member(of, at)
	case *Call:
		return e.call(n)
	}
	return nil, ErrSyntax
}

// call evaluates a function.
func (e *Evaluator) call(c *Call) (any, error) {
	if c.Namespace == "" {
		if lazy, ok := lazily(c.Name); ok {
			if len(c.Args) < lazy.min || lazy.max >= 0 && len(c.Args) > lazy.max {
				return nil, wrongCount(c.Name)
			}
			return lazy.call(e, c.Args)
		}
	}
	args := make([]any, len(c.Args))
	for i, arg := range c.Args {
		v, err := e.eval(arg)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	if c.Namespace != "" || !Known(c.Name) {
		return e.apply(c, args) // what is known of the template and the platform is not work
	}
	for _, arg := range args { // most functions look at all of what they are given
		if err := e.charge(arg); err != nil {
			return nil, err
		}
	}
	v, err := e.apply(c, args)
	if err != nil {
		return nil, err
	}
	return v, e.charge(v)
}

// apply calls a function with evaluated arguments.
func (e *Evaluator) apply(c *Call, args []any) (any, error) {
	if f, ok := overLambdas(c.Name); ok && c.Namespace == "" {
		if len(args) < f.min || len(args) > f.max {
			return nil, wrongCount(c.Name)
		}
		return f.call(e, c.Name, args)
	}
	for _, arg := range args {
		if _, isLambda := arg.(*lambda); isLambda {
			return nil, ErrEvaluation.With("the template function '%s' takes no lambda", c.Name)
		}
	}
	if c.Namespace != "" {
		return e.Env.CallUser(c.Namespace, c.Name, args)
	}
	f, ok := builtins[c.Name]
	if !ok {
		return e.Env.Call(c.Name, args)
	}
	if len(args) < f.min || f.max >= 0 && len(args) > f.max {
		return nil, wrongCount(c.Name)
	}
	return f.call(c.Name, args)
}

// charge takes steps for a value, and refuses one that is too large.
func (e *Evaluator) charge(v any) error {
	size := value.Size(v, maxValue)
	if size > maxValue {
		return ErrBudget.With("a value of the template is larger than %d bytes", maxValue)
	}
	return e.Budget.Spend(size / 64)
}

// run calls a lambda.
func (e *Evaluator) run(l *lambda, args ...any) (any, error) {
	inner := Evaluator{Env: e.Env, Budget: e.Budget, frame: &frame{above: l.frame, values: map[string]any{}}}
	if len(l.params) > len(args) {
		return nil, ErrEvaluation.With("a lambda has more variables than it is given values")
	}
	for i, arg := range args[:len(l.params)] {
		inner.frame.values[l.params[i]] = arg
	}
	return inner.Eval(l.body)
}

// member reads `of[at]`. Errors: ErrEvaluation.
func member(of, at any) (any, error) {
	switch of := of.(type) {
	case *value.Object:
		name, ok := at.(string)
		if !ok {
			return nil, ErrEvaluation.With("an object has members by name, not by number")
		}
		v, there := of.Find(name)
		if !there {
			return nil, ErrEvaluation.With("The language expression property '%s' doesn't exist, available properties are '%s'.", clip(name), clip(strings.Join(of.Names(), ", ")))
		}
		return v, nil
	case []any:
		i, ok := at.(int64)
		if !ok {
			return nil, ErrEvaluation.With("The language expression property cannot be evaluated: an array is indexed by an integer.")
		}
		if i < 0 || i >= int64(len(of)) {
			return nil, ErrEvaluation.With("The language expression property array index '%d' is out of bounds.", i)
		}
		return of[i], nil
	}
	return nil, ErrEvaluation.With("The language expression property '%s' can't be evaluated: what it is read from is neither an object nor an array.", clip(text(at)))
}

// Walk calls visit for every call in n, outside in; where visit returns false, not for the
// arguments of that call.
func Walk(n Node, visit func(*Call) bool) {
	switch n := n.(type) {
	case *Member:
		Walk(n.Of, visit)
		Walk(n.At, visit)
	case *Call:
		if !visit(n) {
			return
		}
		for _, arg := range n.Args {
			Walk(arg, visit)
		}
	}
}

// Known reports whether this package has a built-in function.
func Known(name string) bool {
	_, plain := builtins[name]
	_, lazy := lazily(name)
	_, over := overLambdas(name)
	return plain || lazy || over
}

// wrongCount is a call with too few or too many arguments.
func wrongCount(name string) error {
	return ErrEvaluation.With("the template function '%s' is called with a wrong number of arguments", name)
}

// wrongType is a call with an argument of a type that the function does not take.
func wrongType(name string) error {
	return ErrEvaluation.With("the template function '%s' is called with an argument of a type that it does not take", name)
}

// clip caps what is said back.
func clip(s string) string {
	const limit = 256
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "")
	}
	return s
}
