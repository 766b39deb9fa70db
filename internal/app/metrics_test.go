package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scrape reads the metrics of a server with an operations listener.
func scrape(t *testing.T, s *running) string {
	t.Helper()
	answer, err := http.Get(s.Endpoints().Ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%d, %v", answer.StatusCode, err)
	}
	return string(text)
}

// the metrics that docs/metrics.md lists are those that a server has, and they move.
func TestMetricsAreThoseOfTheDocument(t *testing.T) {
	c := testConfig(t)
	c.Ops.Listen = "127.0.0.1:0"
	s := start(t, c)
	s.get(t, "/subscriptions?api-version=2021-04-01", true)
	if _, err := offline(t, c).Backup(t.Context(), filepath.Join(t.TempDir(), "b"), "test"); err != nil {
		t.Fatal(err)
	}
	text := scrape(t, s)
	document, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, served []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(sealring_[a-z_]+)`").FindAllStringSubmatch(string(document), -1) {
		listed = append(listed, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (sealring_[a-z_]+) `).FindAllStringSubmatch(text, -1) {
		served = append(served, m[1])
	}
	slices.Sort(listed)
	slices.Sort(served)
	served = append(served, "sealring_signing_key_expires_seconds") // a first key has no successor yet
	slices.Sort(served)
	if len(listed) == 0 || !slices.Equal(listed, slices.Compact(served)) {
		t.Errorf("docs/metrics.md lists %v\nserved are %v", listed, served)
	}
	for _, line := range []string{
		`sealring_http_requests_total{room="arm",status="2xx"} 1`, `sealring_http_request_duration_seconds_count{room="arm"} 1`,
		`sealring_audit_events_total{kind="signin",outcome="Succeeded",reason=""} 1`, `sealring_signing_keys{state="active"} 1`,
		"sealring_store_stopped 0", "sealring_restores 0", "go_goroutines ", "process_resident_memory_bytes ",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is missing", line)
		}
	}
}
