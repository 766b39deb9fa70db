package expression

import (
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/template/value"
)

// maxRange is the most numbers that range gives.
const maxRange = 10000

// parseInt reads a 64-bit integer.
func parseInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// arithmetic computes on 64-bit integers; division truncates. Overflow is an error.
func arithmetic(name string, args []any) (any, error) {
	if !bothInts(args) {
		return nil, wrongType(name)
	}
	a, b := args[0].(int64), args[1].(int64)
	switch name {
	case "add":
		if sum := a + b; (sum > a) == (b > 0) {
			return sum, nil
		}
	case "sub":
		if difference := a - b; (difference < a) == (b > 0) {
			return difference, nil
		}
	case "mul":
		if product, ok := multiply(a, b); ok {
			return product, nil
		}
	case "div", "mod":
		if b == 0 {
			return nil, ErrEvaluation.With("the template function '%s' divides by zero", name)
		}
		if a == math.MinInt64 && b == -1 {
			break
		}
		if name == "div" {
			return a / b, nil
		}
		return a % b, nil
	}
	return nil, ErrEvaluation.With("the result of the template function '%s' is not a 64-bit integer", name)
}

// multiply reports whether the product fits.
func multiply(a, b int64) (int64, bool) {
	negative := (a < 0) != (b < 0)
	high, low := bits.Mul64(absolute(a), absolute(b))
	switch {
	case high != 0 || low > 1<<63 || low == 1<<63 && !negative:
		return 0, false
	case negative:
		return -int64(low), true
	}
	return int64(low), true
}

// absolute is the magnitude of a.
func absolute(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// toInt reads an integer from an integer, a number or a text.
func toInt(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case int64:
		return v, nil
	case value.Number:
		if f, ok := value.Float(v); ok && math.Abs(f) < 1<<62 {
			return int64(f), nil
		}
	case string:
		if n, ok := parseInt(strings.TrimSpace(v)); ok {
			return n, nil
		}
		return nil, ErrEvaluation.With("the text given to the template function 'int' is not an integer")
	}
	return nil, wrongType(name)
}

// toFloat reads a number from a number or a text.
func toFloat(name string, args []any) (any, error) {
	switch v := args[0].(type) {
	case int64:
		return value.Number(strconv.FormatInt(v, 10) + ".0"), nil
	case value.Number:
		return v, nil
	case string:
		if f, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			s := strconv.FormatFloat(f, 'g', -1, 64)
			if !strings.ContainsAny(s, ".e") {
				s += ".0"
			}
			return value.Number(s), nil
		}
	}
	return nil, wrongType(name)
}

// extreme is min and max over integers, given one by one or as an array.
func extreme(name string, args []any) (any, error) {
	list := args
	if one, ok := args[0].([]any); ok && len(args) == 1 {
		list = one
	}
	if len(list) == 0 {
		return nil, wrongCount(name)
	}
	best, ok := list[0].(int64)
	for _, item := range list {
		n, isInt := item.(int64)
		if !ok || !isInt {
			return nil, wrongType(name)
		}
		if name == "min" && n < best || name == "max" && n > best {
			best = n
		}
	}
	return best, nil
}

// numberRange lists count integers from start on.
func numberRange(name string, args []any) (any, error) {
	if !bothInts(args) {
		return nil, wrongType(name)
	}
	start, count := args[0].(int64), args[1].(int64)
	if count < 0 || count > maxRange || start > math.MaxInt32 || start < math.MinInt32 {
		return nil, ErrEvaluation.With("the template function 'range' takes a count from 0 to %d", maxRange)
	}
	list := make([]any, count)
	for i := range list {
		list[i] = start + int64(i)
	}
	return list, nil
}
