package arm

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// Response is the answer of a handler.
type Response struct {
	Status int
	// Body is marshalled to JSON; nil sends none.
	Body any
	// ETag is sent as a strong entity tag, quotes included; "" sends none.
	ETag string
	// Warning is said aside, in the header of that name; "" says nothing.
	Warning string
	// XML is sent instead of Body where a client wants it (publishing profiles).
	XML string
	// Operation and Location are the addresses where a client asks how long work goes on
	// (CP §2.6): that of its state, and that of its result. "" where nothing goes on.
	Operation, Location string
}

// pollSeconds is how long a client waits between two looks at work that goes on. Go's
// pollers take nothing below a second.
const pollSeconds = "1"

// OK answers 200 with body.
func OK(body any) (Response, error) { return Response{Status: http.StatusOK, Body: body}, nil }

// Created answers 201 with body.
func Created(body any) (Response, error) {
	return Response{Status: http.StatusCreated, Body: body}, nil
}

// NoContent answers 204.
func NoContent() (Response, error) { return Response{Status: http.StatusNoContent}, nil }

// OnePage is a collection that is always answered whole.
type OnePage[T any] struct {
	Value []T    `json:"value"`
	Count *Count `json:"count,omitempty"`
}

// Count is the total that some collections carry.
type Count struct {
	Type  string `json:"type"`
	Value int    `json:"value"`
}

// Time writes a time as answers do: RFC 3339 in UTC, "" for the zero time.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// write sends the response.
func (resp Response) write(w http.ResponseWriter, r *http.Request) error {
	if resp.ETag != "" {
		w.Header().Set("ETag", resp.ETag)
		if r.Method == http.MethodGet && resp.Status == http.StatusOK && tagListed(r.Header.Get("If-None-Match"), resp.ETag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if resp.Operation != "" {
		w.Header().Set("Azure-AsyncOperation", resp.Operation)
	}
	if resp.Location != "" {
		w.Header().Set("Location", resp.Location)
	}
	if resp.Operation+resp.Location != "" {
		w.Header().Set("Retry-After", pollSeconds)
		w.Header().Del("X-Go-Azure-Sdk-Skip-Polling-Delay") // it would ask without a pause
	}
	if resp.Warning != "" {
		w.Header().Set("Warning", `299 sealring "`+strings.ReplaceAll(resp.Warning, `"`, `'`)+`"`)
	}
	switch {
	case resp.XML != "":
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(resp.Status)
		if _, err := w.Write([]byte(resp.XML)); err != nil {
			return fmt.Errorf("send answer: %w", err)
		}
		return nil
	case resp.Body == nil:
		if resp.Status != http.StatusNoContent {
			w.Header().Set("Content-Length", "0")
		}
		w.WriteHeader(resp.Status)
		return nil
	}
	return httpd.WriteJSON(w, resp.Status, resp.Body)
}

// setHeaders sets what every answer carries (CP §2.11).
func (m *Room) setHeaders(w http.ResponseWriter, r *http.Request) {
	ctx, h := r.Context(), w.Header()
	h.Set("x-ms-request-id", httpd.RequestID(ctx))
	h.Set("x-ms-correlation-request-id", httpd.CorrelationID(ctx))
	h.Set("x-ms-routing-request-id", fmt.Sprintf("%s:%s:%s", strings.ToUpper(m.location),
		m.now().UTC().Format("20060102T150405Z"), httpd.RequestID(ctx)))
	h.Set("Cache-Control", "no-cache")
	h.Set("Pragma", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	if base := httpd.EntryFrom(ctx).Base; strings.HasPrefix(base, "https://") && !strings.HasPrefix(base, "https://localhost") {
		// On localhost the header would bind every other program of the machine.
		h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	}
	if id := r.Header.Get("x-ms-client-request-id"); len(id) <= 128 && strings.EqualFold(r.Header.Get("x-ms-return-client-request-id"), "true") {
		h.Set("x-ms-client-request-id", id)
	}
	switch r.Method {
	case http.MethodPut, http.MethodPatch, http.MethodDelete:
		h.Set("X-Go-Azure-Sdk-Skip-Polling-Delay", "true") // everything is done when we answer (CP §1.7)
	}
}
