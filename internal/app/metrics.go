package app

import (
	"context"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/surface/ops"
)

// readings are the server's, for a scrape.
func (s *Server) readings(ctx context.Context) ops.Readings {
	r := ops.Readings{Now: s.c.Now(), Rooms: s.meter.Rooms(), AuditWaiting: s.audit.Waiting(), Repeats: s.identities.Repeats(), Restores: s.in.epoch}
	r.Events, r.AuditFailures = s.audit.Counts()
	r.Fetched, r.Unfetched = s.federation.Fetches()
	stats := s.db.Stats()
	r.Writes, r.Stopped, r.Behind = stats.Writes, stats.Stopped, stats.Behind
	if keys, err := s.keys.List(ctx); err == nil {
		r.Keys = keys
	}
	var values map[string]string
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		values, err = readInstallation(ctx, tx)
		return err
	})
	if at, bad := strconv.ParseInt(values["backed_up_at"], 10, 64); err == nil && bad == nil {
		r.LastBackup = time.Unix(at, 0)
	}
	return r
}
