package httpd_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/httpd"
)

// TE-9.9, S-59: a node endpoint waits for no header longer than 5 s and for no request
// longer than 10 s, and speaks HTTP/1 alone. Waiting them out here would take as long.
func TestNodeServerBoundsWaiting(t *testing.T) {
	s := httpd.NodeServer(t.Context(), http.NotFoundHandler(), slog.New(slog.DiscardHandler), nil)
	for name, d := range map[string]struct{ got, most time.Duration }{
		"header": {s.ReadHeaderTimeout, 5 * time.Second}, "request": {s.ReadTimeout, 10 * time.Second},
		"answer": {s.WriteTimeout, time.Minute}, "idle": {s.IdleTimeout, 2 * time.Minute},
	} {
		if d.got <= 0 || d.got > d.most {
			t.Errorf("%s: %v, want at most %v and not none", name, d.got, d.most)
		}
	}
	if s.Protocols == nil || s.Protocols.HTTP2() || s.Protocols.UnencryptedHTTP2() || !s.Protocols.HTTP1() {
		t.Errorf("protocols %v", s.Protocols)
	}
}
