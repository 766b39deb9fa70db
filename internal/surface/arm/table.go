package arm

// table is all routes by the namespace that their patterns name, so that a request is
// compared with those of the namespaces in its path and not with every route there is.
type table struct {
	named map[string][]entry // by folded namespace
	other []entry            // patterns that name none
}

// entry is a route and its place in the order of providers.
type entry struct {
	Route
	place int
}

// newTable orders the routes of providers.
func newTable(providers []Provider) table {
	t := table{named: map[string][]entry{}}
	place := 0
	for _, p := range providers {
		for _, route := range p.Routes {
			place++
			if ns := route.namespace(); ns != "" {
				t.named[ns] = append(t.named[ns], entry{route, place})
			} else {
				t.other = append(t.other, entry{route, place})
			}
		}
	}
	return t
}

// namespace is the last namespace that the pattern names, folded; "" if it names none.
func (r Route) namespace() string {
	ns := ""
	for i, segment := range r.segments {
		if i > 0 && r.segments[i-1] == "providers" && segment[0] != '{' {
			ns = fold(segment)
		}
	}
	return ns
}

// find returns the first route in the order of providers that fits method, "" for any, and
// path, with what match says of it.
func (t table) find(method string, path []string) (route Route, canonical []string, vars map[string]string, ok bool) {
	best := 0
	try := func(list []entry) {
		for _, e := range list {
			if method != "" && e.method != method || best != 0 && e.place > best {
				continue
			}
			if c, v, fits := e.match(path); fits {
				best, route, canonical, vars = e.place, e.Route, c, v
				return
			}
		}
	}
	try(t.other)
	for i := 1; i < len(path); i++ {
		if same(path[i-1], "providers") {
			try(t.named[fold(path[i])])
		}
	}
	return route, canonical, vars, best != 0
}
