package expression

import (
	"strings"

	"github.com/sealring/sealring/internal/template/value"
)

// evalIf evaluates the branch that is taken, and only that one.
func evalIf(e *Evaluator, args []Node) (any, error) {
	taken, err := e.truth("if", args[0])
	if err != nil {
		return nil, err
	}
	if taken {
		return e.Eval(args[1])
	}
	return e.Eval(args[2])
}

// truth evaluates an argument that must be a boolean.
func (e *Evaluator) truth(name string, n Node) (bool, error) {
	v, err := e.Eval(n)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, wrongType(name)
	}
	return b, nil
}

// evalAnd stops at the first false.
func evalAnd(e *Evaluator, args []Node) (any, error) {
	for _, arg := range args {
		if b, err := e.truth("and", arg); err != nil || !b {
			return false, err
		}
	}
	return true, nil
}

// evalOr stops at the first true.
func evalOr(e *Evaluator, args []Node) (any, error) {
	for _, arg := range args {
		if b, err := e.truth("or", arg); err != nil || b {
			return b, err
		}
	}
	return false, nil
}

// evalCoalesce stops at the first value that is not null.
func evalCoalesce(e *Evaluator, args []Node) (any, error) {
	for _, arg := range args {
		if v, err := e.Eval(arg); err != nil || v != nil {
			return v, err
		}
	}
	return nil, nil
}

// evalLambda makes a function of its last argument; the others are the names of its variables.
func evalLambda(e *Evaluator, args []Node) (any, error) {
	l := &lambda{body: args[len(args)-1], frame: e.frame}
	for _, arg := range args[:len(args)-1] {
		name, ok := literalText(arg)
		if !ok {
			return nil, ErrEvaluation.With("the variables of a lambda are string literals")
		}
		l.params = append(l.params, value.Fold(name))
	}
	return l, nil
}

// evalLambdaVariables reads a variable of the nearest lambda that has it.
func evalLambdaVariables(e *Evaluator, args []Node) (any, error) {
	name, ok := literalText(args[0])
	if !ok {
		return nil, ErrEvaluation.With("the template function 'lambdaVariables' takes a string literal")
	}
	for f := e.frame; f != nil; f = f.above {
		if v, there := f.values[value.Fold(name)]; there {
			return v, nil
		}
	}
	return nil, ErrEvaluation.With("no lambda has a variable '%s' here", clip(name))
}

// literalText returns the string that a node is.
func literalText(n Node) (string, bool) {
	l, ok := n.(Literal)
	if !ok {
		return "", false
	}
	s, ok := l.Value.(string)
	return s, ok
}

// not negates.
func not(name string, args []any) (any, error) {
	b, ok := args[0].(bool)
	if !ok {
		return nil, wrongType(name)
	}
	return !b, nil
}

// toBool reads a boolean from a boolean, a number or a text.
func toBool(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case bool:
		return v, nil
	case int64:
		return v != 0, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	}
	return nil, wrongType(name)
}

// equals compares deeply, strings by case.
func equals(_ string, args []any) (any, error) { return value.Equal(args[0], args[1]), nil }

// compare orders two numbers or two strings.
func compare(name string, args []any) (any, error) {
	order := 0
	if a, isText := args[0].(string); isText {
		b, ok := args[1].(string)
		if !ok {
			return nil, wrongType(name)
		}
		order = strings.Compare(a, b)
	} else {
		a, okA := value.Float(args[0])
		b, okB := value.Float(args[1])
		switch {
		case !okA || !okB:
			return nil, wrongType(name)
		case bothInts(args):
			order = compareInts(args[0].(int64), args[1].(int64))
		case a < b:
			order = -1
		case a > b:
			order = 1
		}
	}
	switch name {
	case "less":
		return order < 0, nil
	case "lessorequals":
		return order <= 0, nil
	case "greater":
		return order > 0, nil
	}
	return order >= 0, nil
}

// bothInts reports whether two arguments are 64-bit integers.
func bothInts(args []any) bool {
	_, a := args[0].(int64)
	_, b := args[1].(int64)
	return a && b
}

// compareInts orders two integers.
func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// empty reports whether a string, array or object has nothing in it; null has nothing.
func empty(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return true, nil
	case string:
		return v == "", nil
	case []any:
		return len(v) == 0, nil
	case *value.Object:
		return v.Len() == 0, nil
	}
	return nil, wrongType(name)
}

// contains looks for a text in a text, a name in an object, an item in an array.
func contains(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		switch args[1].(type) {
		case string, int64:
			return strings.Contains(v, text(args[1])), nil
		}
	case *value.Object:
		switch args[1].(type) {
		case string, int64:
			_, there := v.Find(text(args[1]))
			return there, nil
		}
	case []any:
		return indexOfItem(v, args[1]) >= 0, nil
	}
	return nil, wrongType(name)
}

// indexOfItem returns the place of the first equal item; -1 if there is none.
func indexOfItem(list []any, item any) int64 {
	for i, have := range list {
		if value.Equal(have, item) {
			return int64(i)
		}
	}
	return -1
}

// failed ends the deployment with the template's own words.
func failed(name string, args []any) (any, error) {
	message, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	return nil, ErrEvaluation.With("%s", message)
}

// like matches a text against a pattern with * and ?, without regard to case.
func like(name string, args []any) (any, error) {
	s, okS := args[0].(string)
	pattern, okP := args[1].(string)
	if !okS || !okP {
		return nil, wrongType(name)
	}
	return matches(strings.ToLower(s), strings.ToLower(pattern)), nil
}

// matches is glob matching in time proportional to the product of the lengths at most.
func matches(s, pattern string) bool {
	at, star, mark := 0, -1, 0
	for i := 0; i < len(s); {
		switch {
		case at < len(pattern) && pattern[at] == '*':
			star, mark = at, i
			at++
		case at < len(pattern) && (pattern[at] == '?' || pattern[at] == s[i]):
			at++
			i++
		case star >= 0:
			at, mark = star+1, mark+1
			i = mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[at:], "*") == ""
}
