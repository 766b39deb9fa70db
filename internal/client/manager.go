package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sealring/sealring/internal/fault"
)

// The api-versions our own calls use.
const (
	versionGroups   = "2021-04-01"
	versionWeb      = "2024-04-01"
	versionCompute  = "2024-07-01"
	versionIdentity = "2023-01-31"
	versionTenant   = "2022-12-01"
	versionVault    = "2023-07-01"
	versionRBAC     = "2022-04-01"
)

// ErrNotFound is a name that nothing in the platform has.
var ErrNotFound = fault.New(fault.NotFound, "nothing has this name")

// manage makes one call to Resource Manager as the administrator: in is the body (nil for
// none), out gets the answer (nil to ignore it).
func (c *Client) manage(ctx context.Context, method, path, version string, in, out any) error {
	return c.call(ctx, method, c.at.Local+escapePath(path), url.Values{"api-version": {version}}, AudienceManagement, in, out)
}

// graph makes one call to Graph as the administrator.
func (c *Client) graph(ctx context.Context, path string, query url.Values, out any) error {
	return c.call(ctx, http.MethodGet, c.at.Local+"/v1.0"+path, query, AudienceGraph, nil, out)
}

// call makes one JSON call as the administrator.
func (c *Client) call(ctx context.Context, method, where string, query url.Values, audience string, in, out any) error {
	r := Request{Method: method, URL: where, Token: c.AdminToken, Audience: audience}
	if len(query) > 0 {
		r.URL += "?" + strings.ReplaceAll(query.Encode(), "+", "%20")
	}
	if in != nil {
		body, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, where, err)
		}
		r.Body = body
	}
	resp, err := c.Do(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, where, err)
	}
	return nil
}

// escapePath escapes each segment of a resource id.
func escapePath(path string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return strings.Join(segments, "/")
}

// listed is one page of a Resource Manager or Graph collection.
type listed[T any] struct {
	Value    []T    `json:"value"`
	NextLink string `json:"nextLink"`
}

// isStatus reports whether err is an answer with this status.
func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Status == status
}

// quoted writes s as a literal of $filter.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// listAll reads every page of a Resource Manager collection.
func listAll[T any](ctx context.Context, c *Client, path, version string, query url.Values) ([]T, error) {
	all := url.Values{"api-version": {version}}
	for k, v := range query {
		all[k] = v
	}
	var out []T
	for where := c.at.Local + escapePath(path); where != ""; {
		var page listed[T]
		if err := c.call(ctx, http.MethodGet, where, all, AudienceManagement, nil, &page); err != nil {
			return nil, err
		}
		out = append(out, page.Value...)
		where, all = page.NextLink, nil
	}
	return out, nil
}
