package audit

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
)

// Recent returns the newest records of one kind as lines for a person, oldest first.
func (l *Log) Recent(ctx context.Context, kind Kind, limit int) ([]string, error) {
	records, err := l.List(ctx, Filter{Kinds: []Kind{kind}, Limit: limit})
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(records))
	for i := len(records) - 1; i >= 0; i-- {
		lines = append(lines, records[i].line())
	}
	return lines, nil
}

// line is the event for a person: time, what, how it ended, who, to what, by which process.
func (e Event) line() string {
	parts := []string{e.Time.Format("15:04:05"), e.Operation, string(e.Outcome)}
	if e.Actor.Name != "" {
		parts = append(parts, e.Actor.Name)
	}
	if e.Target != "" {
		parts = append(parts, shortened(e.Target))
	}
	if p := e.Process; p != nil {
		parts = append(parts, "pid "+strconv.Itoa(p.PID))
		if p.UID != nil {
			parts = append(parts, "uid "+strconv.Itoa(*p.UID))
		}
		if p.Executable != "" {
			parts = append(parts, filepath.Base(p.Executable))
		}
	}
	return strings.Join(parts, "  ")
}

// shortened leaves of a resource id what tells it from its neighbours.
func shortened(target string) string {
	if _, after, ok := strings.Cut(target, "/providers/"); ok {
		return "…/" + after
	}
	return target
}
