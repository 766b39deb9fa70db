package ops_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/surface/ops"
)

// S-64: health says a status and no more, also when it fails.
func TestHealthSaysStatusOnly(t *testing.T) {
	var down error
	room, err := ops.New(ops.Config{Version: "v1", Read: func(context.Context) ops.Readings { return ops.Readings{} }, Ready: func(context.Context) error { return down }})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		room.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("/readyz"); code != 200 || body != `{"status":"ok"}` {
		t.Errorf("ready: %d %s", code, body)
	}
	down = errors.New("dial 10.0.0.7: refused")
	if code, body := get("/readyz"); code != 503 || strings.Contains(body, "10.0.0.7") {
		t.Errorf("not ready: %d %s", code, body)
	}
	if code, _ := get("/livez"); code != 200 {
		t.Errorf("alive while not ready: %d", code)
	}
	if code, _ := get("/subscriptions"); code != 404 {
		t.Errorf("another path: %d", code)
	}
}
