package httpd_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// The meter counts what was answered, by either kind of handler, whatever the log's level.
func TestMeterCountsAnswers(t *testing.T) {
	now := time.Unix(0, 0)
	for name, handler := range map[string]func(*httpd.Meter) slog.Handler{
		"access log": func(m *httpd.Meter) slog.Handler {
			l, err := httpd.NewAccessLog(httpd.AccessLogConfig{Handler: slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError}), Out: io.Discard, Now: time.Now, Meter: m})
			if err != nil {
				t.Fatal(err)
			}
			return l
		},
		"metered": func(m *httpd.Meter) slog.Handler { return httpd.Metered{Handler: slog.DiscardHandler, Meter: m} },
	} {
		t.Run(name, func(t *testing.T) {
			m := &httpd.Meter{}
			took := time.Duration(0)
			h := httpd.Wrap(httpd.Config{Room: "arm", Log: slog.New(handler(m)), NewID: func() string { return "id" },
				Now:        func() time.Time { now = now.Add(took); return now },
				WriteError: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusForbidden) }},
				func(w http.ResponseWriter, r *http.Request) error {
					if r.URL.Path == "/refused" {
						return io.EOF
					}
					return nil
				})
			for _, one := range []struct {
				path string
				took time.Duration
			}{{"/", time.Millisecond}, {"/", 3 * time.Millisecond}, {"/refused", time.Minute}} {
				took = one.took
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", one.path, nil))
			}
			rooms := m.Rooms()
			if len(rooms) != 1 || rooms[0].Room != "arm" || rooms[0].Status != [6]uint64{2: 2, 4: 1} || rooms[0].Total != 3 ||
				rooms[0].Within[0.001] != 1 || rooms[0].Within[0.005] != 2 || rooms[0].Within[10] != 2 || rooms[0].Seconds != 60.004 {
				t.Errorf("%+v", rooms)
			}
		})
	}
}
