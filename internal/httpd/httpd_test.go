package httpd_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

func serve(t *testing.T, log io.Writer, h httpd.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	c := httpd.Config{
		Room: "test", Log: slog.New(slog.NewJSONHandler(log, nil)), Now: time.Now, NewID: func() string { return "rid" }, MaxBody: 16,
		WriteError: func(w http.ResponseWriter, _ *http.Request, err error) {
			status := http.StatusTeapot
			if errors.Is(err, httpd.ErrPanic) {
				status = http.StatusInternalServerError
			}
			w.WriteHeader(status)
		},
	}
	w := httptest.NewRecorder()
	httpd.Wrap(c, h).ServeHTTP(w, r)
	return w
}

func TestPanicIsContainedAndLogged(t *testing.T) {
	var log bytes.Buffer
	w := serve(t, &log, func(http.ResponseWriter, *http.Request) error { panic("secret state") }, httptest.NewRequest(http.MethodGet, "/x", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Fatalf("answer %d %q", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "panic: secret state") || !strings.Contains(log.String(), `"request_id":"rid"`) {
		t.Fatalf("log: %s", log.String())
	}
}

func TestBodyIsBounded(t *testing.T) {
	h := func(_ http.ResponseWriter, r *http.Request) error {
		err := httpd.ReadJSON(r, new(any))
		if !errors.Is(err, httpd.ErrTooLarge) {
			t.Errorf("got %v, want ErrTooLarge", err)
		}
		return err
	}
	w := serve(t, io.Discard, h, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`"`+strings.Repeat("a", 100)+`"`)))
	if w.Code != http.StatusTeapot {
		t.Fatalf("status %d", w.Code)
	}
}

func TestDecodeJSON(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		ok   bool
	}{
		"object":                     {`{"a":{"b":[1,"x",{"c":null}]},"d":"e"}`, true},
		"byte order mark":            {"\xef\xbb\xbf{}", true},
		"same name in two objects":   {`{"a":{"x":1},"b":{"x":2}}`, true},
		"a value equal to its name":  {`{"a":"a","b":"a"}`, true},
		"empty":                      {``, false},
		"member twice":               {`{"a":1,"a":2}`, false},
		"member twice after a child": {`{"a":{"b":1},"a":2}`, false},
		"text behind":                {`{} {}`, false},
		"cut off":                    {`{"a":`, false},
		"too deep":                   {strings.Repeat("[", 65) + strings.Repeat("]", 65), false},
		"too many members":           {"[" + strings.Repeat("1,", 10_001) + "1]", false},
	} {
		var v any
		err := httpd.DecodeJSON([]byte(c.body), &v)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, httpd.ErrBadJSON) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCorrelationIDIsTheClientsIfValid(t *testing.T) {
	for sent, want := range map[string]string{
		"0f8fad5b-d9cb-469f-a165-70867728950e":   "0f8fad5b-d9cb-469f-a165-70867728950e",
		"0f8fad5b-d9cb-469f-a165-70867728950e\"": "rid",
		"":                                       "rid",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("x-ms-client-request-id", sent)
		serve(t, io.Discard, func(_ http.ResponseWriter, r *http.Request) error {
			if got := httpd.CorrelationID(r.Context()); got != want {
				t.Errorf("sent %q: got %q", sent, got)
			}
			return nil
		}, r)
	}
}
