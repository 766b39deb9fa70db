package audit

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
)

// ErrExport is a text that is no exported audit log.
var ErrExport = fault.New(fault.Invalid, "the text is not an exported audit log")

// Removals reads an exported log (see Export) and returns what succeeded after since in
// taking something away: deletions, removals, revocations. The lines are not verified here.
func Removals(exported io.Reader, since time.Time) ([]Event, error) {
	var out []Event
	scan := bufio.NewScanner(exported)
	scan.Buffer(nil, maxLine)
	for n := 1; scan.Scan(); n++ {
		if len(strings.TrimSpace(scan.Text())) == 0 {
			continue
		}
		var line struct {
			Event Event `json:"event"`
		}
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			return nil, ErrExport.With("line %d is not a record of an exported audit log", n)
		}
		e := line.Event
		if e.Outcome == Succeeded && e.Time.After(since) && takesAway(e.Operation) {
			out = append(out, e)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("read an exported audit log: %w", err)
	}
	return out, nil
}

// takesAway reports whether an operation's last word says that something ends.
func takesAway(operation string) bool {
	verb := strings.ToLower(operation[strings.LastIndexAny(operation, "./")+1:])
	return strings.HasPrefix(verb, "delete") || strings.HasPrefix(verb, "remove") || strings.HasPrefix(verb, "revoke")
}
