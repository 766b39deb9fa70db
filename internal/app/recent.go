package app

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sealring/sealring/internal/audit"
)

// Recent returns the newest records of one kind ("signin", "activity", "security") as lines
// for a person, oldest first.
func (s *Server) Recent(ctx context.Context, kind string, limit int) ([]string, error) {
	records, err := s.audit.List(ctx, audit.Filter{Kinds: []audit.Kind{audit.Kind(kind)}, Limit: limit})
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(records))
	for i := len(records) - 1; i >= 0; i-- {
		lines = append(lines, line(records[i].Event))
	}
	return lines, nil
}

// line is one record for a person: time, what, to what, by which process.
func line(e audit.Event) string {
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
		return fmt.Sprintf("…/%s", after)
	}
	return target
}
