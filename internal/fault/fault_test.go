package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sealring/sealring/internal/fault"
)

var errMissing = fault.New(fault.NotFound, "no such thing")

func TestOnlyTheSentenceIsSaidAloud(t *testing.T) {
	inner := errMissing.With("the vault %q does not exist", "v1")
	err := fmt.Errorf("read row 17 of table vaults: %w", inner)
	if !errors.Is(err, errMissing) {
		t.Error("errors.Is does not find the declared failure")
	}
	if got := fault.KindOf(err); got != fault.NotFound {
		t.Errorf("kind %v, want NotFound", got)
	}
	if got := fault.Message(err); got != `the vault "v1" does not exist` {
		t.Errorf("message %q", got)
	}
}

func TestUnclassifiedAndInternalFailuresSayNothing(t *testing.T) {
	for name, err := range map[string]error{
		"plain error":    errors.New("dial tcp 10.0.0.7:5432: refused"),
		"internal fault": fault.New(fault.Internal, "key 7 does not open"),
		"nil":            nil,
	} {
		if got := fault.Message(err); got != "" {
			t.Errorf("%s: said %q", name, got)
		}
		if got := fault.KindOf(err); got != fault.Internal {
			t.Errorf("%s: kind %v", name, got)
		}
	}
}
