package resource

import (
	"context"
	"fmt"
	"strings"

	"github.com/sealring/sealring/internal/store"
)

// maxPage is the most resources on one page (CP §2.9).
const maxPage = 1000

// Query selects resources.
type Query struct {
	Scope  ID     // everything below it; the root lists the whole installation
	Type   string // full type in any case; "" for all
	Direct bool   // only what stands directly under Scope
	Hidden bool   // include settings (Resource.Hidden)
	After  string // Key of the last resource of the previous page; "" for the first
	Limit  int    // most results; 0 and more than 1,000 mean 1,000
}

// List returns a page of resources in the order of their keys, and the value of After for
// the next page, "" on the last.
func (s *Service) List(ctx context.Context, q Query) (page []Resource, next string, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		page, next, err = s.ListIn(ctx, tx, q)
		return err
	})
	return page, next, err
}

// ListIn is List in the caller's transaction.
func (s *Service) ListIn(ctx context.Context, tx *store.Tx, q Query) (page []Resource, next string, err error) {
	limit := q.Limit
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	conditions := []string{"path > $1"}
	args := []any{[]byte(q.After)}
	also := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	switch {
	case q.Direct:
		also("parent = $%d", path(q.Scope))
	case !q.Scope.IsRoot():
		low, high := below(q.Scope)
		also("path > $%d", low)
		also("path < $%d", high)
	}
	if q.Type != "" {
		also("type = $%d", strings.ToLower(q.Type))
	}
	if !q.Hidden {
		also("hidden = $%d", false)
	}
	args = append(args, limit+1)
	where := fmt.Sprintf("WHERE %s ORDER BY path LIMIT $%d", strings.Join(conditions, " AND "), len(args))
	if page, err = query(ctx, tx, where, args...); err != nil {
		return nil, "", fmt.Errorf("list resources below %s: %w", q.Scope, err)
	}
	if len(page) > limit {
		page = page[:limit]
		next = page[limit-1].ID.Key()
	}
	return page, next, nil
}

// below returns the open range of paths of everything under scope: those that continue it
// with a slash ('0' follows '/').
func below(scope ID) (low, high []byte) {
	return append(path(scope), '/'), append(path(scope), '0')
}
