package keyvault

import (
	"time"

	"github.com/sealring/sealring/internal/vault"
)

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

// Quota returns a quota's answers for vaults of one subscription; a nil clock is no quota.
func Quota(now func() time.Time) func(uid string) bool {
	var q *quota
	if now != nil {
		q = newQuota(now)
	}
	return func(uid string) bool { return q.take(vault.Vault{UID: uid}) == nil }
}

// LimitQuota makes the limit of a vault small.
func LimitQuota(k *Room, n int) { k.quota.vault = n }
