package arm

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// ErrSkipToken is a continuation token that was not made for this caller and query, or is
// too old (S-52).
var ErrSkipToken = fault.New(fault.Invalid, "The continuation token is not valid for this request.")

const (
	// pageSize is the most items of a page, and the default (CP §2.9).
	pageSize = 1000
	// tokenLife is how long a continuation token is good for.
	tokenLife = 24 * time.Hour
	// tokenPurpose separates continuation tokens from everything else that is sealed.
	tokenPurpose = "arm.page"
)

// collection is a page on the wire.
type collection struct {
	Value    []any  `json:"value"`
	NextLink string `json:"nextLink,omitempty"`
}

// cursor is what a continuation token holds.
type cursor struct {
	After   string `json:"a"`
	Expires int64  `json:"e"` // UTC, seconds since 1970
}

// Fetch reads up to limit items after the key after, and returns the key to go on from, ""
// at the end.
type Fetch[T any] func(ctx context.Context, after string, limit int) (items []T, next string, err error)

// Page answers with a page of a collection: it goes on from the request's continuation
// token, fetches until the page is full or the collection ends, and leaves out the items
// for which show returns nil. Errors: ErrSkipToken, ErrQuery, those of fetch and show.
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

// after opens the continuation token of the request; "" if it has none. Errors: ErrSkipToken.
func (r *Request) after(ctx context.Context) (string, error) {
	text := r.Query("$skiptoken")
	if text == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", ErrSkipToken
	}
	plain, err := r.room.sealer.Open(ctx, tokenPurpose, r.binding(), sealed)
	if err != nil {
		if fault.KindOf(err) == fault.Unavailable {
			return "", err
		}
		return "", ErrSkipToken
	}
	var c cursor
	if err := json.Unmarshal(plain, &c); err != nil || r.room.now().Unix() >= c.Expires {
		return "", ErrSkipToken
	}
	return c.After, nil
}

// nextLink seals after into the address of the next page (S-41, S-52).
func (r *Request) nextLink(ctx context.Context, after string) (string, error) {
	plain, err := json.Marshal(cursor{After: after, Expires: r.room.now().Add(tokenLife).Unix()})
	if err != nil {
		return "", err
	}
	sealed, err := r.room.sealer.Seal(ctx, tokenPurpose, r.binding(), plain)
	if err != nil {
		return "", err
	}
	q := url.Values{}
	for name, values := range r.query {
		q[name] = values
	}
	q.Set("$skiptoken", base64.RawURLEncoding.EncodeToString(sealed))
	return r.Link(ctx, (&url.URL{Path: r.path}).EscapedPath()+"?"+q.Encode()), nil
}

// binding ties a continuation token to the caller, the tenant and the whole query but the
// token itself; every part is preceded by its length.
func (r *Request) binding() string {
	parts := []string{string(r.Principal.Tenant), string(r.Principal.Object), fold(r.path)}
	for _, name := range slices.Sorted(maps.Keys(r.query)) {
		if name != "$skiptoken" {
			parts = append(append(parts, name), r.query[name]...)
		}
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strconv.Itoa(len(p)) + ":" + p)
	}
	return b.String()
}
