package keyvault

// RouteInfo is what tests need to know of a route.
type RouteInfo struct{ Method, Path, Permission, Action string }

// Routes lists every route, so that a test can demand an expectation for each.
func Routes() []RouteInfo {
	var out []RouteInfo
	for _, r := range routes {
		out = append(out, RouteInfo{r.method, r.path, r.permission, r.action})
	}
	return out
}
