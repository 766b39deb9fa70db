package httpd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// newAccessLog returns a log on out and a handler that is logged by it.
func newAccessLog(t *testing.T, out io.Writer, h httpd.Handler) (*httpd.AccessLog, http.Handler) {
	t.Helper()
	lines, err := httpd.NewAccessLog(httpd.AccessLogConfig{Handler: slog.NewJSONHandler(out, nil), Out: out, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return lines, wrap(slog.New(lines), h)
}

// wrap is Wrap with plain settings.
func wrap(log *slog.Logger, h httpd.Handler) http.Handler {
	return httpd.Wrap(httpd.Config{
		Room: "test", Log: log, Now: time.Now, NewID: func() string { return "rid" },
		WriteError: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusTeapot) },
	}, h)
}

// members are the members of one line, without those that are times.
func members(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if _, err := time.Parse(time.RFC3339Nano, m["time"].(string)); err != nil {
		t.Error(err)
	}
	delete(m, "time")
	delete(m, "took_us")
	return m
}

// S-66: whatever a client sends, an access line is one line, and says what slog would say.
func TestAnAccessLineSaysWhatSlogSays(t *testing.T) {
	for _, path := range []string{"/x", "/%22%5c%0a%7b%7d", "/%ff%fe", "/%e2%80%a8", "/" + strings.Repeat("%41", 2000), "/<script>"} {
		h := func(_ http.ResponseWriter, r *http.Request) error {
			for range 6 {
				httpd.Note(r.Context(), "token_id", r.URL.Path)
			}
			return errors.New("failed \"here\"\nand there")
		}
		var ours, theirs bytes.Buffer
		_, fast := newAccessLog(t, &ours, h)
		fast.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		wrap(slog.New(slog.NewJSONHandler(&theirs, nil)), h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		if n := strings.Count(ours.String(), "\n"); n != 1 {
			t.Errorf("%s: %d lines", path, n)
		}
		if a, b := members(t, ours.String()), members(t, theirs.String()); !maps.Equal(a, b) {
			t.Errorf("%s:\n%v\n%v", path, a, b)
		}
	}
}

// sink is an output that can be held up.
type sink struct {
	mu   sync.Mutex
	text bytes.Buffer
	gate chan struct{} // nil: open
}

func (s *sink) Write(p []byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *sink) lines() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text.String(), "\n")
}

func TestAccessLinesAreCollectedAndNoneIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out sink
		lines, h := newAccessLog(t, &out, func(http.ResponseWriter, *http.Request) error { return nil })
		get := func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) }
		get() // before Run: written by the request
		if n := out.lines(); n != 1 {
			t.Fatalf("%d lines before Run", n)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- lines.Run(ctx) }()
		synctest.Wait()
		get()
		get()
		if n := out.lines(); n != 1 {
			t.Fatalf("%d lines: the request wrote its own", n)
		}
		time.Sleep(20 * time.Millisecond)
		if n := out.lines(); n != 3 {
			t.Fatalf("%d lines after the linger", n)
		}
		get()
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		get() // after Run: written by the request again
		if n := out.lines(); n != 5 {
			t.Fatalf("%d lines in the end", n)
		}
	})
}

func TestRequestsWaitForASlowLogButNotForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := sink{gate: make(chan struct{})}
		lines, h := newAccessLog(t, &out, func(http.ResponseWriter, *http.Request) error { return nil })
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- lines.Run(ctx) }()
		synctest.Wait()
		const requests = 10_000 // some 2 MB of lines
		began := time.Now()
		for range requests {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		}
		if waited := time.Since(began); waited < time.Second || waited > 3*time.Second {
			t.Errorf("the requests waited %s", waited)
		}
		close(out.gate)
		time.Sleep(time.Second)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		stop()
		<-done
		_, after, found := strings.Cut(out.text.String(), "access lines were dropped")
		if !found {
			t.Fatal("nothing says that lines were dropped")
		}
		var count struct{ Count int }
		if err := json.Unmarshal([]byte("{"+after[strings.Index(after, `"count"`):strings.Index(after, "}")+1]), &count); err != nil {
			t.Fatal(err)
		}
		if written := out.lines() - 1; count.Count == 0 || written+count.Count != requests+1 {
			t.Errorf("%d written, %d dropped, of %d", written, count.Count, requests+1)
		}
	})
}
