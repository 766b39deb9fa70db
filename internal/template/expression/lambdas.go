package expression

import (
	"slices"

	"github.com/sealring/sealring/internal/template/value"
)

// listAndLambda returns the arguments of a function over the items of an array.
func listAndLambda(name string, args []any) ([]any, *lambda, error) {
	list, isList := args[0].([]any)
	l, isLambda := args[len(args)-1].(*lambda)
	if !isList || !isLambda {
		return nil, nil, wrongType(name)
	}
	return list, l, nil
}

// filter keeps the items for which the lambda is true.
func filter(e *Evaluator, name string, args []any) (any, error) {
	list, l, err := listAndLambda(name, args)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for i, item := range list {
		v, err := e.run(l, item, int64(i))
		if err != nil {
			return nil, err
		}
		keep, ok := v.(bool)
		if !ok {
			return nil, wrongType(name)
		}
		if keep {
			out = append(out, item)
		}
	}
	return out, nil
}

// mapList is the array of what the lambda makes of each item.
func mapList(e *Evaluator, name string, args []any) (any, error) {
	list, l, err := listAndLambda(name, args)
	if err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	for i, item := range list {
		if out[i], err = e.run(l, item, int64(i)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// mapValues is the object of what the lambda makes of each member's value.
func mapValues(e *Evaluator, name string, args []any) (any, error) {
	o, isObject := args[0].(*value.Object)
	l, isLambda := args[1].(*lambda)
	if !isObject || !isLambda {
		return nil, wrongType(name)
	}
	out := &value.Object{}
	for _, key := range o.Names() {
		v, err := e.run(l, o.Get(key), key)
		if err != nil {
			return nil, err
		}
		out.Set(key, v)
	}
	return out, nil
}

// reduce folds an array from its begin, starting with a value.
func reduce(e *Evaluator, name string, args []any) (any, error) {
	list, l, err := listAndLambda(name, args)
	if err != nil {
		return nil, err
	}
	so := args[1]
	if _, isLambda := so.(*lambda); isLambda {
		return nil, wrongType(name)
	}
	for i, item := range list {
		if so, err = e.run(l, so, item, int64(i)); err != nil {
			return nil, err
		}
	}
	return so, nil
}

// sortList orders an array by a lambda that says whether its first value comes before its
// second; equal items stay in their order.
func sortList(e *Evaluator, name string, args []any) (any, error) {
	list, l, err := listAndLambda(name, args)
	if err != nil {
		return nil, err
	}
	var failed error
	before := func(a, b any) bool {
		v, err := e.run(l, a, b)
		less, ok := v.(bool)
		if err == nil && !ok {
			err = wrongType(name)
		}
		if failed == nil {
			failed = err
		}
		return less
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b any) int {
		switch {
		case failed != nil:
			return 0
		case before(a, b):
			return -1
		case before(b, a):
			return 1
		}
		return 0
	})
	return out, failed
}

// groupBy collects the items of an array by the text that the lambda makes of them.
func groupBy(e *Evaluator, name string, args []any) (any, error) {
	list, l, err := listAndLambda(name, args)
	if err != nil {
		return nil, err
	}
	out := &value.Object{}
	for i, item := range list {
		v, err := e.run(l, item, int64(i))
		if err != nil {
			return nil, err
		}
		key, ok := v.(string)
		if !ok {
			return nil, wrongType(name)
		}
		out.Set(key, append(out.List(key), item))
	}
	return out, nil
}

// toObject makes an object of an array: a lambda gives the names, a second one the values.
func toObject(e *Evaluator, name string, args []any) (any, error) {
	list, isList := args[0].([]any)
	names, isLambda := args[1].(*lambda)
	if !isList || !isLambda {
		return nil, wrongType(name)
	}
	out := &value.Object{}
	for _, item := range list {
		v, err := e.run(names, item)
		if err != nil {
			return nil, err
		}
		key, ok := v.(string)
		if !ok {
			return nil, wrongType(name)
		}
		if len(args) > 2 {
			values, ok := args[2].(*lambda)
			if !ok {
				return nil, wrongType(name)
			}
			if item, err = e.run(values, item); err != nil {
				return nil, err
			}
		}
		out.Set(key, item)
	}
	return out, nil
}
