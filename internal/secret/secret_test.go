package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sealring/sealring/internal/secret"
)

func TestNoWayOfPrintingShowsIt(t *testing.T) {
	s := secret.New("hunter2")
	var buf bytes.Buffer
	fmt.Fprintf(&buf, "%v %+v %#v %s %q", s, s, s, s, struct{ S secret.Text }{s})
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("x", "secret", s)
	if strings.Contains(buf.String(), "hunter2") {
		t.Fatalf("printed: %s", buf.String())
	}
	if out, err := json.Marshal(map[string]any{"s": s}); err == nil {
		t.Fatalf("marshalled: %s", out)
	}
	if s.Reveal() != "hunter2" {
		t.Fatal("Reveal does not return the value")
	}
}

func TestEqual(t *testing.T) {
	if !secret.New("a").Equal(secret.New("a")) || secret.New("a").Equal(secret.New("ab")) || secret.New("").Equal(secret.New("a")) {
		t.Fatal("Equal is wrong")
	}
}
