package expression

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/template/value"
)

// format fills a composite format: {0}, {1,8}, {2:D3}, with {{ and }} for braces.
func format(name string, args []any) (any, error) {
	pattern, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	bad := ErrEvaluation.With("the first argument of the template function 'format' is not a valid format for its other arguments")
	var b strings.Builder
	for pattern != "" {
		at := strings.IndexAny(pattern, "{}")
		if at < 0 {
			at = len(pattern)
		}
		b.WriteString(pattern[:at])
		if pattern = pattern[at:]; pattern == "" {
			break
		}
		if len(pattern) > 1 && pattern[0] == pattern[1] {
			b.WriteByte(pattern[0])
			pattern = pattern[2:]
			continue
		}
		end := strings.IndexByte(pattern, '}')
		if pattern[0] == '}' || end < 0 {
			return nil, bad
		}
		hole, fits := fill(pattern[1:end], args[1:])
		if !fits {
			return nil, bad
		}
		if b.Len()+len(hole) > maxValue {
			return nil, ErrBudget
		}
		b.WriteString(hole)
		pattern = pattern[end+1:]
	}
	return b.String(), nil
}

// fill writes one hole: `index[,width][:format]`.
func fill(hole string, args []any) (string, bool) {
	hole, how, _ := strings.Cut(hole, ":")
	number, width, padded := strings.Cut(hole, ",")
	i, ok := parseInt(strings.TrimSpace(number))
	if !ok || i < 0 || i >= int64(len(args)) {
		return "", false
	}
	if value.Size(args[i], maxValue) > maxValue {
		return "", false
	}
	s, ok := shaped(args[i], how)
	if !ok || !padded {
		return s, ok
	}
	w, ok := parseInt(strings.TrimSpace(width))
	if !ok || w > 10000 || w < -10000 {
		return "", false
	}
	if missing := int(w) - utf8.RuneCountInString(s); missing > 0 {
		return strings.Repeat(" ", missing) + s, true
	}
	if missing := -int(w) - utf8.RuneCountInString(s); missing > 0 {
		return s + strings.Repeat(" ", missing), true
	}
	return s, true
}

// shaped writes a value in a format; formats apply to numbers only.
func shaped(v any, how string) (string, bool) {
	if how == "" {
		return text(v), true
	}
	f, isNumber := value.Float(v)
	if !isNumber {
		return text(v), true
	}
	digits, standard := -1, len(how) == 1
	if n, ok := parseInt(how[1:]); ok && n >= 0 && n < 100 {
		digits, standard = int(n), true
	}
	n, isInt := v.(int64)
	if !standard {
		return custom(f, how)
	}
	switch how[0] | 0x20 {
	case 'd':
		if !isInt {
			return "", false
		}
		return signed(n < 0, zeros(strconv.FormatUint(absolute(n), 10), digits)), true
	case 'x':
		if !isInt {
			return "", false
		}
		s := zeros(strconv.FormatUint(uint64(n), 16), digits)
		if how[0] == 'X' {
			s = strings.ToUpper(s)
		}
		return s, true
	case 'f':
		return strconv.FormatFloat(f, 'f', orTwo(digits), 64), true
	case 'n':
		s := strconv.FormatFloat(f, 'f', orTwo(digits), 64)
		return signed(f < 0, grouped(strings.TrimPrefix(s, "-"))), true
	case 'p':
		s := strconv.FormatFloat(f*100, 'f', orTwo(digits), 64)
		return signed(f < 0, grouped(strings.TrimPrefix(s, "-"))) + " %", true
	case 'g':
		return text(v), true
	}
	return custom(f, how)
}

// orTwo is the usual number of decimals.
func orTwo(digits int) int {
	if digits < 0 {
		return 2
	}
	return digits
}

// signed puts a minus before the digits of a negative number.
func signed(negative bool, digits string) string {
	if negative {
		return "-" + digits
	}
	return digits
}

// zeros fills digits up to a width.
func zeros(s string, width int) string {
	return strings.Repeat("0", max(0, width-len(s))) + s
}

// grouped puts commas between thousands.
func grouped(s string) string {
	whole, rest, _ := strings.Cut(s, ".")
	var b strings.Builder
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if rest != "" {
		b.WriteString("." + rest)
	}
	return b.String()
}

// custom is a format of zeros and number signs, with a point and commas: "000", "0.00", "#,##0".
func custom(f float64, how string) (string, bool) {
	if strings.Trim(how, "0#,.") != "" || strings.Count(how, ".") > 1 || len(how) > 64 {
		return "", false
	}
	whole, decimals, _ := strings.Cut(how, ".")
	s := strconv.FormatFloat(f, 'f', len(decimals), 64)
	negative := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	left, right, _ := strings.Cut(s, ".")
	for len(right) > strings.LastIndexByte(decimals, '0')+1 && strings.HasSuffix(right, "0") {
		right = right[:len(right)-1]
	}
	left = zeros(strings.TrimLeft(left, "0"), strings.Count(whole, "0"))
	if strings.Contains(whole, ",") {
		left = grouped(left)
	}
	if right != "" {
		left += "." + right
	}
	return signed(negative, left), true
}
