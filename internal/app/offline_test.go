package app

import (
	"errors"
	"os"
	"testing"

	"github.com/sealring/sealring/internal/audit"
)

func TestAnInstallationOpensBesideItsRunningServerAndWithoutIt(t *testing.T) {
	eachEngine(t, func(t *testing.T, c Config) {
		if _, err := OpenOffline(t.Context(), c); !errors.Is(err, ErrNoInstallation) {
			t.Fatalf("before the first start: %v, want ErrNoInstallation", err)
		}
		if _, err := os.Stat(c.Data); err == nil {
			t.Fatal("looking for an installation made one")
		}
		s := start(t, c)
		for _, stopped := range []bool{false, true} {
			if stopped {
				if err := s.stop(); err != nil {
					t.Fatal(err)
				}
			}
			o, err := OpenOffline(t.Context(), c)
			if err != nil {
				t.Fatalf("stopped %v: %v", stopped, err)
			}
			keys, err := o.Keys(t.Context())
			if err != nil || len(keys.Published()) == 0 { // the next key may be announced already
				t.Errorf("stopped %v: keys %v", stopped, err)
			}
			ctx := o.As(t.Context(), "sealring keys list")
			if err := o.Audit.Write(ctx, audit.Event{Kind: audit.Security, Operation: "test", Outcome: audit.Succeeded}); err != nil {
				t.Errorf("stopped %v: %v", stopped, err)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
