package app

import (
	"context"

	"github.com/sealring/sealring/internal/audit"
)

// Recent is audit.Log.Recent for a kind by its name: "signin", "activity", "security".
func (s *Server) Recent(ctx context.Context, kind string, limit int) ([]string, error) {
	return s.audit.Recent(ctx, audit.Kind(kind), limit)
}
