package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/surface/graph/api"
)

// maxBatch is how many requests one batch may hold (DT-7.1).
const maxBatch = 20

// batchRequest is the body of POST /$batch.
type batchRequest struct {
	Requests []struct {
		ID        string            `json:"id"`
		Method    string            `json:"method"`
		URL       string            `json:"url"` // relative to the version
		Headers   map[string]string `json:"headers"`
		Body      json.RawMessage   `json:"body"`
		DependsOn []string          `json:"dependsOn"`
	} `json:"requests"`
}

// batchResponse is one answer of a batch.
type batchResponse struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// batchAnswer is the answer of a batch.
type batchAnswer struct {
	Responses []batchResponse `json:"responses"`
}

// batch serves POST /$batch: each request as the caller's own, in their order. One that
// depends on one that failed fails with 424.
func (m *Room) batch(w http.ResponseWriter, r *api.Request) error {
	var body batchRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	if n := len(body.Requests); n == 0 || n > maxBatch {
		return api.ErrRequest.With("A batch holds between 1 and %d requests.", maxBatch)
	}
	answer := batchAnswer{Responses: []batchResponse{}}
	failed := map[string]bool{}
	seen := map[string]bool{}
	for _, q := range body.Requests {
		if q.ID == "" || seen[q.ID] || !slices.Contains([]string{"GET", "POST", "PATCH", "DELETE"}, q.Method) {
			return api.ErrRequest.With("Every request of a batch has an id of its own and the method GET, POST, PATCH or DELETE.")
		}
		for _, d := range q.DependsOn {
			if !seen[d] {
				return api.ErrRequest.With("A request of a batch depends on '%s', which does not come before it.", api.Clipped(d))
			}
		}
		seen[q.ID] = true
		out := batchResponse{ID: q.ID, Status: http.StatusFailedDependency, Headers: map[string]string{}}
		if !slices.ContainsFunc(q.DependsOn, func(d string) bool { return failed[d] }) {
			var err error
			if out, err = m.one(r, q.ID, q.Method, q.URL, q.Headers, q.Body); err != nil {
				return err
			}
		}
		failed[q.ID] = out.Status >= http.StatusBadRequest
		answer.Responses = append(answer.Responses, out)
	}
	return httpd.WriteJSON(w, http.StatusOK, answer)
}

// one serves one request of a batch. Errors: api.ErrRequest for a URL that is none.
func (m *Room) one(r *api.Request, name, method, url string, headers map[string]string, body json.RawMessage) (batchResponse, error) {
	target := "/" + r.Version + "/" + strings.TrimPrefix(url, "/")
	inner, err := http.NewRequestWithContext(r.Context(), method, target, bytes.NewReader(body))
	if err != nil || isBatch(inner) {
		return batchResponse{}, api.ErrRequest.With("The URL '%s' of a request in the batch is not valid.", api.Clipped(url))
	}
	for k, v := range headers {
		if strings.EqualFold(k, "Content-Type") || strings.EqualFold(k, "ConsistencyLevel") || strings.EqualFold(k, "Prefer") {
			inner.Header.Set(k, v)
		}
	}
	inner.TLS, inner.RemoteAddr, inner.Host = r.TLS, r.RemoteAddr, r.Host
	rec := &recorder{header: http.Header{}, status: http.StatusOK}
	if err := m.dispatch(rec, inner, r.Caller); err != nil {
		rec.body.Reset()
		m.writeError(rec, inner, err)
	}
	out := batchResponse{ID: name, Status: rec.status, Headers: map[string]string{}}
	for _, h := range []string{"Content-Type", "Location", "Retry-After"} {
		if v := rec.header.Get(h); v != "" {
			out.Headers[h] = v
		}
	}
	switch {
	case rec.body.Len() == 0:
	case json.Valid(rec.body.Bytes()):
		out.Body = rec.body.Bytes()
	default:
		if out.Body, err = json.Marshal(rec.body.String()); err != nil {
			return out, fmt.Errorf("encode the answer of a batched request: %w", err)
		}
	}
	return out, nil
}

// isBatch reports whether a request would be routed to batch, however its path spells that:
// batches within batches would multiply what one request costs.
func isBatch(r *http.Request) bool {
	_, path, ok := split(r.URL.EscapedPath())
	return ok && strings.EqualFold(path[0], "$batch")
}

// recorder keeps the answer to a request of a batch.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements io.Writer.
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }
