package keyvault

import (
	"sync"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/vault"
)

// Azure's limits of operations on secrets, within 10 seconds: of one vault, and of all vaults
// of a subscription together (RS §1.11).
const (
	quotaWindow       = 10 * time.Second
	quotaVault        = 4000
	quotaSubscription = 5 * quotaVault
)

// errThrottled is a request above a limit; it is not counted itself.
var errThrottled = fault.New(fault.Throttled, "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached")

// quota counts the requests of a window, for all vaults at once, so that it holds no more
// than the vaults that are in use.
type quota struct {
	now                 func() time.Time
	vault, subscription int

	mu     sync.Mutex // guards what follows
	window int64
	of     map[string]int          // by vault
	ofAll  map[id.Subscription]int // by subscription
}

// newQuota returns a quota with Azure's limits.
func newQuota(now func() time.Time) *quota {
	return &quota{now: now, vault: quotaVault, subscription: quotaSubscription}
}

// take counts a request at v. Errors: errThrottled. A nil quota takes everything.
func (q *quota) take(v vault.Vault) error {
	if q == nil {
		return nil
	}
	window := q.now().UnixNano() / int64(quotaWindow)
	q.mu.Lock()
	defer q.mu.Unlock()
	if window != q.window || q.of == nil {
		q.window, q.of, q.ofAll = window, map[string]int{}, map[id.Subscription]int{}
	}
	s := v.ID.Subscription()
	if q.of[v.UID] >= q.vault || q.ofAll[s] >= q.subscription {
		return errThrottled
	}
	q.of[v.UID]++
	q.ofAll[s]++
	return nil
}
