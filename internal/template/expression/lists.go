package expression

import (
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/template/value"
)

// length counts characters, items or members.
func length(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		return int64(len([]rune(v))), nil
	case []any:
		return int64(len(v)), nil
	case *value.Object:
		return int64(v.Len()), nil
	}
	return nil, wrongType(name)
}

// skipTake leaves out or keeps the begin of an array or a text.
func skipTake(name string, args []any) (any, error) {
	n, ok := args[1].(int64)
	if !ok {
		return nil, wrongType(name)
	}
	cut := func(length int) int { return int(min(max(n, 0), int64(length))) }
	switch v := args[0].(type) {
	case string:
		runes := []rune(v)
		if name == "skip" {
			return string(runes[cut(len(runes)):]), nil
		}
		return string(runes[:cut(len(runes))]), nil
	case []any:
		if name == "skip" {
			return slices.Clip(v[cut(len(v)):]), nil
		}
		return slices.Clip(v[:cut(len(v))]), nil
	}
	return nil, wrongType(name)
}

// firstLast is the item or the character at one end; null or "" if there is none.
func firstLast(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case string:
		runes := []rune(v)
		switch {
		case len(runes) == 0:
			return "", nil
		case name == "first":
			return string(runes[:1]), nil
		}
		return string(runes[len(runes)-1:]), nil
	case []any:
		switch {
		case len(v) == 0:
			return nil, nil
		case name == "first":
			return v[0], nil
		}
		return v[len(v)-1], nil
	}
	return nil, wrongType(name)
}

// toArray makes an array of one value; an array stays what it is.
func toArray(_ string, args []any) (any, error) {
	if list, ok := args[0].([]any); ok {
		return list, nil
	}
	return []any{args[0]}, nil
}

// createArray makes an array of its arguments.
func createArray(_ string, args []any) (any, error) { return append([]any{}, args...), nil }

// createObject makes an object of names and values in turns.
func createObject(name string, args []any) (any, error) {
	if len(args)%2 != 0 {
		return nil, wrongCount(name)
	}
	o := &value.Object{}
	for i := 0; i < len(args); i += 2 {
		key, ok := args[i].(string)
		if !ok {
			return nil, wrongType(name)
		}
		o.Set(key, args[i+1])
	}
	return o, nil
}

// lists returns arguments that must all be arrays.
func lists(name string, args []any) ([][]any, error) {
	out := make([][]any, len(args))
	for i, arg := range args {
		list, ok := arg.([]any)
		if !ok {
			return nil, wrongType(name)
		}
		out[i] = list
	}
	return out, nil
}

// objects returns arguments that must all be objects.
func objects(name string, args []any) ([]*value.Object, error) {
	out := make([]*value.Object, len(args))
	for i, arg := range args {
		o, ok := arg.(*value.Object)
		if !ok {
			return nil, wrongType(name)
		}
		out[i] = o
	}
	return out, nil
}

// union joins arrays without doubles, or objects deeply, the later ones winning.
func union(name string, args []any) (any, error) {
	if _, isList := args[0].([]any); isList {
		all, err := lists(name, args)
		if err != nil {
			return nil, err
		}
		return unique(slices.Concat(all...)), nil
	}
	all, err := objects(name, args)
	if err != nil {
		return nil, err
	}
	out := all[0]
	for _, o := range all[1:] {
		out = merged(out, o)
	}
	return out, nil
}

// merged is a with b laid over it.
func merged(a, b *value.Object) *value.Object {
	out := a.Clone()
	for _, name := range b.Names() {
		inner, isObject := b.Get(name).(*value.Object)
		if below := out.Object(name); isObject && below != nil {
			out.Set(name, merged(below, inner))
			continue
		}
		out.Set(name, b.Get(name))
	}
	return out
}

// unique drops items that are equal to an earlier one. Items of one JSON text are equal,
// so that texts find most doubles in linear time.
func unique(list []any) []any {
	out, seen := []any{}, map[string]bool{}
	for _, item := range list {
		key := string(value.Marshal(item))
		if seen[key] {
			continue
		}
		switch item.(type) {
		case *value.Object, value.Number:
			if indexOfItem(out, item) >= 0 {
				continue
			}
		}
		seen[key] = true
		out = append(out, item)
	}
	return out
}

// intersection keeps what all arrays, or all objects, have in common.
func intersection(name string, args []any) (any, error) {
	if _, isList := args[0].([]any); isList {
		all, err := lists(name, args)
		if err != nil {
			return nil, err
		}
		out := unique(all[0])
		for _, other := range all[1:] {
			if len(out)*len(other) > maxRange*maxRange {
				return nil, ErrBudget
			}
			out = slices.DeleteFunc(out, func(item any) bool { return indexOfItem(other, item) < 0 })
		}
		return out, nil
	}
	all, err := objects(name, args)
	if err != nil {
		return nil, err
	}
	out := &value.Object{}
	for _, key := range all[0].Names() {
		if !slices.ContainsFunc(all[1:], func(o *value.Object) bool {
			v, there := o.Find(key)
			return !there || !value.Equal(v, all[0].Get(key))
		}) {
			out.Set(key, all[0].Get(key))
		}
	}
	return out, nil
}

// flatten takes one level out of an array of arrays.
func flatten(name string, args []any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return nil, wrongType(name)
	}
	all, err := lists(name, list)
	if err != nil {
		return nil, err
	}
	return append([]any{}, slices.Concat(all...)...), nil
}

// distinct drops doubles.
func distinct(name string, args []any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return nil, wrongType(name)
	}
	return unique(list), nil
}

// items lists the members of an object by name, in order of the names.
func items(name string, args []any) (any, error) {
	o, ok := args[0].(*value.Object)
	if !ok {
		return nil, wrongType(name)
	}
	out := []any{}
	for _, key := range byName(o) {
		out = append(out, value.NewObject("key", key, "value", o.Get(key)))
	}
	return out, nil
}

// byName returns the names of an object in order, without regard to case.
func byName(o *value.Object) []string {
	return slices.SortedFunc(slices.Values(o.Names()), func(a, b string) int { return strings.Compare(value.Fold(a), value.Fold(b)) })
}

// objectKeys lists the names of the members of an object in order.
func objectKeys(name string, args []any) (any, error) {
	o, ok := args[0].(*value.Object)
	if !ok {
		return nil, wrongType(name)
	}
	out := []any{}
	for _, key := range byName(o) {
		out = append(out, key)
	}
	return out, nil
}

// shallowMerge lays objects over one another, at the top level only.
func shallowMerge(name string, args []any) (any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return nil, wrongType(name)
	}
	all, err := objects(name, list)
	if err != nil {
		return nil, err
	}
	out := &value.Object{}
	for _, o := range all {
		for _, key := range o.Names() {
			out.Set(key, o.Get(key))
		}
	}
	return out, nil
}

// tryGet walks down members and items; null where one is missing. tryIndexFromEnd counts
// its first step from the end of an array.
func tryGet(name string, args []any) (any, error) {
	at := args[0]
	for n, step := range args[1:] {
		if list, isList := at.([]any); isList && n == 0 && name == "tryindexfromend" {
			i, ok := step.(int64)
			if !ok {
				return nil, wrongType(name)
			}
			step = int64(len(list)) - i
		}
		switch step.(type) {
		case string, int64:
		default:
			return nil, wrongType(name)
		}
		next, err := member(at, step)
		if err != nil {
			return nil, nil // a missing member is what this function is for
		}
		at = next
	}
	return at, nil
}

// indexFromEnd is the item at a place that counts from the end, beginning with 1.
func indexFromEnd(name string, args []any) (any, error) {
	list, isList := args[0].([]any)
	i, isInt := args[1].(int64)
	if !isList || !isInt {
		return nil, wrongType(name)
	}
	return member(list, int64(len(list))-i)
}
