package arm

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/paging"
)

// pageSize is the most items of a page, and the default (CP §2.9).
const pageSize = 1000

// collection is a page on the wire.
type collection struct {
	Value    []any  `json:"value"`
	NextLink string `json:"nextLink,omitempty"`
}

// Fetch reads up to limit items after the key after, and returns the key to go on from, ""
// at the end.
type Fetch[T any] func(ctx context.Context, after string, limit int) (items []T, next string, err error)

// Page answers with a page of a collection: it goes on from the request's continuation
// token, fetches until the page is full or the collection ends, and leaves out the items
// for which show returns nil. Errors: paging.ErrToken, ErrQuery, those of fetch and show.
func Page[T any](ctx context.Context, r *Request, fetch Fetch[T], show func(context.Context, T) (any, error)) (Response, error) {
	size, err := r.top()
	if err != nil {
		return Response{}, err
	}
	after, err := r.after(ctx)
	if err != nil {
		return Response{}, err
	}
	page := collection{Value: []any{}}
	for {
		items, next, err := fetch(ctx, after, size-len(page.Value))
		if err != nil {
			return Response{}, err
		}
		for _, item := range items {
			shown, err := show(ctx, item)
			if err != nil {
				return Response{}, err
			}
			if shown != nil {
				page.Value = append(page.Value, shown)
			}
		}
		after = next
		if next == "" || len(page.Value) >= size {
			break
		}
	}
	if after != "" {
		if page.NextLink, err = r.nextLink(ctx, after); err != nil {
			return Response{}, err
		}
	}
	return OK(page)
}

// Slice makes a Fetch of a list in memory. key must differ between items.
func Slice[T any](items []T, key func(T) string) Fetch[T] {
	return func(_ context.Context, after string, limit int) ([]T, string, error) {
		sorted := slices.SortedFunc(slices.Values(items), func(a, b T) int { return strings.Compare(key(a), key(b)) })
		from, _ := slices.BinarySearchFunc(sorted, after, func(item T, k string) int {
			if key(item) <= k {
				return -1
			}
			return 1
		})
		rest := sorted[from:]
		if len(rest) <= limit {
			return rest, "", nil
		}
		return rest[:limit], key(rest[limit-1]), nil
	}
}

// Window answers with a page of a list in memory that is in its order already: behind $skip,
// or behind the item that the continuation token names, up to $top, else usual, items. next
// is the address of the page behind it, "" at the end. key must differ between items; an
// item that is gone when its token comes back ends the list. Errors: ErrQuery, paging.ErrToken.
func Window[T any](ctx context.Context, r *Request, items []T, key func(T) string, usual int) (page []T, next string, err error) {
	size := usual
	if r.Query("$top") != "" {
		if size, err = r.top(); err != nil {
			return nil, "", err
		}
	}
	from := 0
	if text := r.Query("$skip"); text != "" {
		if from, err = strconv.Atoi(text); err != nil || from < 0 {
			return nil, "", ErrQuery.With("The value of $skip must be a number that is not negative.")
		}
	}
	after, err := r.after(ctx)
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		if from = slices.IndexFunc(items, func(i T) bool { return key(i) == after }) + 1; from == 0 {
			return nil, "", nil
		}
	}
	items = items[min(from, len(items)):]
	if len(items) <= size {
		return items, "", nil
	}
	next, err = r.nextLink(ctx, key(items[size-1]))
	return items[:size], next, err
}

// top reads $top, clamped to the page size. Errors: ErrQuery.
func (r *Request) top() (int, error) {
	text := r.Query("$top")
	if text == "" {
		return pageSize, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, ErrQuery.With("The value of $top must be a positive number.")
	}
	return min(n, pageSize), nil
}

// after opens the continuation token of the request; "" if it has none. Errors: paging.ErrToken.
func (r *Request) after(ctx context.Context) (string, error) {
	text := r.Query("$skiptoken")
	if text == "" {
		return "", nil
	}
	return r.room.pages.Position(ctx, r.listing(), text)
}

// nextLink is the address of the page behind after (S-41, S-52).
func (r *Request) nextLink(ctx context.Context, after string) (string, error) {
	text, err := r.room.pages.Make(ctx, r.listing(), after)
	if err != nil {
		return "", err
	}
	q := maps.Clone(r.query)
	q.Set("$skiptoken", text)
	return r.Link(ctx, (&url.URL{Path: r.path}).EscapedPath()+"?"+q.Encode()), nil
}

// listing is what a continuation token is bound to: caller, tenant, path and the whole
// query but the token itself and the size of a page.
func (r *Request) listing() paging.Query {
	what := []string{fold(r.path)}
	for _, name := range slices.Sorted(maps.Keys(r.query)) {
		if name != "$skiptoken" && name != "$top" {
			what = append(append(what, name), r.query[name]...)
		}
	}
	return paging.Query{Tenant: r.Principal.Tenant, Caller: r.Principal.Object, What: what}
}
