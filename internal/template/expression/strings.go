package expression

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/template/value"
)

// text writes a value as the functions of strings do: booleans capitalised, objects and
// arrays as JSON, null as nothing.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		if v {
			return "True"
		}
		return "False"
	case int64:
		return strconv.FormatInt(v, 10)
	case value.Number:
		return string(v)
	case []any, *value.Object:
		return string(value.Marshal(v))
	}
	return ""
}

// concat joins arrays, if the first argument is one, or else texts.
func concat(name string, args []any) (any, error) {
	if len(args) > 0 {
		if _, lists := args[0].([]any); lists {
			out := []any{}
			for _, arg := range args {
				list, ok := arg.([]any)
				if !ok {
					return nil, wrongType(name)
				}
				out = append(out, list...)
			}
			return out, nil
		}
	}
	var b strings.Builder
	for _, arg := range args {
		switch arg.(type) {
		case []any, *value.Object:
			return nil, wrongType(name)
		}
		if s := text(arg); b.Len()+len(s) > maxValue {
			return nil, ErrBudget
		} else {
			b.WriteString(s)
		}
	}
	return b.String(), nil
}

// toString writes any value as text.
func toString(_ string, args []any) (any, error) {
	if value.Size(args[0], maxValue) > maxValue {
		return nil, ErrBudget
	}
	return text(args[0]), nil
}

// change is a function from one text to another.
func change(name string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	switch name {
	case "tolower":
		return strings.ToLower(s), nil
	case "toupper":
		return strings.ToUpper(s), nil
	case "trim":
		return strings.TrimSpace(s), nil
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(s)), nil
	case "base64tostring":
		return decoded(name, s)
	case "datauri":
		return "data:text/plain;charset=utf8;base64," + base64.StdEncoding.EncodeToString([]byte(s)), nil
	case "datauritostring":
		return dataURIToString(name, s)
	case "uricomponent":
		return uriComponent(s), nil
	}
	out, err := url.PathUnescape(s)
	if err != nil {
		return nil, ErrEvaluation.With("the text given to the template function '%s' is not percent-encoded", name)
	}
	return out, nil
}

// decoded reads base64 that must be UTF-8.
func decoded(name, s string) (any, error) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil || !utf8.Valid(raw) {
		return nil, ErrEvaluation.With("the text given to the template function '%s' is not base64 of a text", name)
	}
	return string(raw), nil
}

// dataURIToString reads what stands in a data URI.
func dataURIToString(name, s string) (any, error) {
	head, body, ok := strings.Cut(s, ",")
	if !ok || !strings.HasPrefix(strings.ToLower(head), "data:") {
		return nil, ErrEvaluation.With("the text given to the template function '%s' is not a data URI", name)
	}
	if strings.HasSuffix(strings.ToLower(head), ";base64") {
		return decoded(name, body)
	}
	out, err := url.PathUnescape(body)
	if err != nil {
		return nil, ErrEvaluation.With("the text given to the template function '%s' is not a data URI", name)
	}
	return out, nil
}

// uriComponent escapes everything but what RFC 3986 §2.3 leaves alone.
func uriComponent(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

// texts returns arguments that must all be strings.
func texts(name string, args []any) ([]string, error) {
	out := make([]string, len(args))
	for i, arg := range args {
		s, ok := arg.(string)
		if !ok {
			return nil, wrongType(name)
		}
		out[i] = s
	}
	return out, nil
}

// replace puts a text for every occurrence of another.
func replace(name string, args []any) (any, error) {
	t, err := texts(name, args)
	if err != nil {
		return nil, err
	}
	if t[1] == "" {
		return nil, ErrEvaluation.With("the template function 'replace' cannot look for an empty text")
	}
	if n := strings.Count(t[0], t[1]); len(t[0])+n*len(t[2]) > maxValue {
		return nil, ErrBudget
	}
	return strings.ReplaceAll(t[0], t[1], t[2]), nil
}

// split cuts a text at one delimiter or at each of several.
func split(name string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	delimiters, isList := args[1].([]any)
	if !isList {
		delimiters = []any{args[1]}
	}
	by, err := texts(name, delimiters)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for {
		at, cut := len(s), ""
		for _, d := range by {
			if i := strings.Index(s, d); d != "" && i >= 0 && i < at {
				at, cut = i, d
			}
		}
		out = append(out, s[:at])
		if cut == "" {
			return out, nil
		}
		s = s[at+len(cut):]
	}
}

// substring cuts by characters.
func substring(name string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	runes := []rune(s)
	start, count := int64(0), int64(len(runes))
	if len(args) > 1 {
		if start, ok = args[1].(int64); !ok {
			return nil, wrongType(name)
		}
		count -= start
	}
	if len(args) > 2 {
		if count, ok = args[2].(int64); !ok {
			return nil, wrongType(name)
		}
	}
	if start < 0 || count < 0 || start > int64(len(runes)) || count > int64(len(runes))-start {
		return nil, ErrEvaluation.With("the template function 'substring' goes beyond the end of the text")
	}
	return string(runes[start : start+count]), nil
}

// indexOf is the place of a text in another, without regard to case, or of an item in an
// array; -1 if it is not there.
func indexOf(name string, args []any) (any, error) {
	if list, ok := args[0].([]any); ok {
		if name == "indexof" {
			return indexOfItem(list, args[1]), nil
		}
		for i := len(list) - 1; i >= 0; i-- {
			if value.Equal(list[i], args[1]) {
				return int64(i), nil
			}
		}
		return int64(-1), nil
	}
	t, err := texts(name, args)
	if err != nil {
		return nil, err
	}
	in, what := strings.ToLower(t[0]), strings.ToLower(t[1])
	at := strings.Index(in, what)
	if name == "lastindexof" {
		at = strings.LastIndex(in, what)
	}
	if at < 0 {
		return int64(-1), nil
	}
	return int64(utf8.RuneCountInString(in[:at])), nil
}

// affix is startsWith and endsWith, without regard to case.
func affix(name string, args []any) (any, error) {
	t, err := texts(name, args)
	if err != nil {
		return nil, err
	}
	if name == "startswith" {
		return strings.HasPrefix(strings.ToLower(t[0]), strings.ToLower(t[1])), nil
	}
	return strings.HasSuffix(strings.ToLower(t[0]), strings.ToLower(t[1])), nil
}

// padLeft fills a text or a number up to a length.
func padLeft(name string, args []any) (any, error) {
	switch args[0].(type) {
	case string, int64:
	default:
		return nil, wrongType(name)
	}
	s := text(args[0])
	width, ok := args[1].(int64)
	pad := " "
	if len(args) > 2 {
		var isText bool
		pad, isText = args[2].(string)
		ok = ok && isText
	}
	if !ok || utf8.RuneCountInString(pad) != 1 {
		return nil, wrongType(name)
	}
	missing := width - int64(utf8.RuneCountInString(s))
	if missing > maxValue/4 {
		return nil, ErrBudget
	}
	return strings.Repeat(pad, int(max(0, missing))) + s, nil
}

// join joins an array of texts, numbers and booleans.
func join(name string, args []any) (any, error) {
	list, isList := args[0].([]any)
	by, isText := args[1].(string)
	if !isList || !isText {
		return nil, wrongType(name)
	}
	parts, total := make([]string, len(list)), 0
	for i, item := range list {
		parts[i] = text(item)
		if total += len(parts[i]) + len(by); total > maxValue {
			return nil, ErrBudget
		}
	}
	return strings.Join(parts, by), nil
}

// base64ToJSON reads JSON from base64.
func base64ToJSON(name string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	plain, err := decoded(name, s)
	if err != nil {
		return nil, err
	}
	return fromJSON(name, []any{plain})
}

// fromJSON reads a JSON text.
func fromJSON(name string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	v, err := value.Parse([]byte(s))
	if err != nil {
		return nil, ErrEvaluation.With("the text given to the template function '%s' is not JSON", name)
	}
	return v, nil
}

// uri puts a relative address behind a base.
func uri(name string, args []any) (any, error) {
	t, err := texts(name, args)
	if err != nil {
		return nil, err
	}
	base, relative := t[0], strings.TrimPrefix(t[1], "/")
	host := strings.Index(base, "://") + 3
	switch {
	case host < 3:
		return nil, ErrEvaluation.With("the template function 'uri' needs an absolute address as its base")
	case strings.HasSuffix(base, "/"):
	case strings.Contains(base[host:], "/"):
		base = base[:strings.LastIndexByte(base, '/')+1]
	default:
		base += "/"
	}
	return base + relative, nil
}

// buildURI puts an address together from its parts.
func buildURI(name string, args []any) (any, error) {
	o, ok := args[0].(*value.Object)
	if !ok {
		return nil, wrongType(name)
	}
	u := url.URL{Scheme: o.Text("scheme"), Host: o.Text("host"), Path: o.Text("path"), RawQuery: strings.TrimPrefix(o.Text("query"), "?")}
	if port, ok := o.Get("port").(int64); ok {
		u.Host += ":" + strconv.FormatInt(port, 10)
	}
	if u.Path != "" && !strings.HasPrefix(u.Path, "/") {
		u.Path = "/" + u.Path
	}
	return u.String(), nil
}

// parseURI takes an address apart.
func parseURI(name string, args []any) (any, error) {
	s, ok := args[0].(string)
	if !ok {
		return nil, wrongType(name)
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return nil, ErrEvaluation.With("the text given to the template function 'parseUri' is not an address")
	}
	port := map[string]int64{"http": 80, "https": 443}[u.Scheme]
	if n, ok := parseInt(u.Port()); ok {
		port = n
	}
	o := value.NewObject("scheme", u.Scheme, "host", u.Hostname(), "port", port, "path", u.EscapedPath(), "query", "")
	if u.RawQuery != "" {
		o.Set("query", "?"+u.RawQuery)
	}
	return o, nil
}
