package deployment

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Run takes deployments until ctx ends, and then stops those that run: they are recorded
// as failed. It marks as failed what a server left unfinished: this one at its last stop,
// or another one that has not been heard of for a minute.
func (s *Service) Run(ctx context.Context) error {
	if err := s.abandon(ctx, s.server, s.now().Add(time.Hour)); err != nil {
		s.out.WarnContext(ctx, "deployments of the last run are not closed yet; next attempt on schedule", "err", err)
	}
	var work errgroup.Group
	defer work.Wait() //nolint:errcheck // deployments record their own failures
	for tick := time.Tick(aliveEvery); ; {
		select {
		case <-ctx.Done():
			return nil
		case r := <-s.queue:
			work.Go(func() error {
				r.work(ctx)
				return nil
			})
		case <-tick:
			if err := s.keepAlive(ctx); err != nil && ctx.Err() == nil {
				s.out.WarnContext(ctx, "running deployments are not kept alive; next attempt on schedule", "err", err)
			}
		}
	}
}

// keepAlive says that our deployments still run, looks for wishes to cancel them, and
// closes those of servers that are lost.
func (s *Service) keepAlive(ctx context.Context) error {
	s.mu.Lock()
	running := make([]*run, 0, len(s.active))
	for _, r := range s.active {
		running = append(running, r)
	}
	s.mu.Unlock()
	if len(running) > 0 {
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			for _, r := range running {
				if _, err := tx.Exec(ctx, "UPDATE deployments SET alive_at = $1 WHERE path = $2", s.now().Unix(), path(r.id)); err != nil {
					return fmt.Errorf("keep deployment %s alive: %w", r.id, err)
				}
				var wanted string
				if _, err := tx.Get(ctx, "SELECT wanted FROM deployments WHERE path = $1", []any{path(r.id)}, &wanted); err != nil {
					return fmt.Errorf("read deployment %s: %w", r.id, err)
				}
				if wanted != "" {
					r.stop(errCanceled)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.abandon(ctx, "", s.now().Add(-lostAfter))
}

// abandon records as failed the deployments of a server, "" for any, that were last heard
// of before a time and that this process does not run.
func (s *Service) abandon(ctx context.Context, server string, before time.Time) error {
	var lost []Deployment
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			d, err := scan(r)
			lost = append(lost, d)
			return err
		}, "SELECT "+columns+" FROM deployments WHERE state = $1 AND alive_at < $2 AND ($3 = '' OR server = $3)", Running, before.Unix(), server)
	})
	if err != nil || len(lost) == 0 {
		return err
	}
	for _, d := range lost {
		s.mu.Lock()
		ours := s.active[d.ID.Key()] != nil
		s.mu.Unlock()
		if ours {
			continue
		}
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			now, err := getIn(ctx, tx, d.ID)
			if errors.Is(err, ErrNotFound) || now.Done() {
				return nil
			}
			if err != nil {
				return err
			}
			now.State, now.Changed = Failed, s.now().UTC()
			now.Duration = now.Changed.Sub(now.Started)
			now.Failure = interrupted()
			if err := s.update(ctx, tx, &now, nil); err != nil {
				return err
			}
			return s.record(ctx, tx, d.ID, "write", audit.Failed, now.Failure.Code, map[string]string{"correlation_id": now.Correlated})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// interrupted is why a deployment failed whose server ended before it.
func interrupted() *Failure {
	return &Failure{Code: "DeploymentInterrupted", Message: "The server stopped before the deployment ended. What it had deployed by then stands; deploy again to complete it."}
}

// Why a deployment is stopped.
var (
	errCanceled = errors.New("canceled")
	errStopped  = errors.New("the server stops")
)

// run is one deployment that is being done.
type run struct {
	*exec
	s    *Service
	id   resource.ID
	ctx  context.Context // of the request that asked, without its end
	stop context.CancelCauseFunc
	done chan struct{}
	once sync.Once
}

// Start begins a deployment and waits a little for its end; the record says whether it has
// ended. It reports whether the name is new. Errors: those of template.New, ErrActive,
// ErrLocationFixed, ErrNameCharacters, ErrNameLength, ErrLocation, ErrContent, ErrBusy.
func (s *Service) Start(ctx context.Context, req Request) (Deployment, bool, error) {
	x, err := s.prepare(ctx, req, nil)
	if err != nil {
		return Deployment{}, false, err
	}
	s.mu.Lock()
	full := len(s.active) >= maxActive
	s.mu.Unlock()
	if full {
		return Deployment{}, false, ErrBusy
	}
	created, err := x.open(ctx)
	if err != nil {
		return Deployment{}, false, err
	}
	base, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	r := &run{exec: x, s: s, id: x.record.ID, ctx: base, stop: stop, done: make(chan struct{})}
	s.enter(r)
	begun := x.snapshot()
	late := time.NewTimer(finishWithin)
	defer late.Stop()
	select {
	case s.queue <- r:
	case <-late.C: // nobody runs deployments: the server stops, or has not begun
		r.end(ctx, errStopped)
		return Deployment{}, false, ErrBusy
	}
	wait := time.NewTimer(s.wait)
	defer wait.Stop()
	select {
	case <-r.done:
		return x.snapshot(), created, nil
	case <-wait.C:
	case <-ctx.Done():
	}
	return begun, created, nil
}

// enter makes a deployment one that this server keeps alive, and that can be canceled.
func (s *Service) enter(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active[r.id.Key()] = r
}

// leave ends what enter began.
func (s *Service) leave(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.active, r.id.Key())
}

// work does the deployment; it stops when the service does.
func (r *run) work(service context.Context) {
	unhook := context.AfterFunc(service, func() { r.stop(errStopped) })
	defer unhook()
	r.execute(r.ctx)
	r.end(r.ctx, context.Cause(r.ctx))
}

// end records the result and lets those who wait go on.
func (r *run) end(ctx context.Context, cause error) {
	r.once.Do(func() {
		r.close(context.WithoutCancel(ctx), cause)
		r.stop(nil)
		r.s.leave(r)
		close(r.done)
	})
}

// Cancel asks a running deployment to stop: what has begun is finished, the rest is not
// begun. Errors: ErrNotFound, ErrFinished.
func (s *Service) Cancel(ctx context.Context, at resource.ID) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		d, err := getIn(ctx, tx, at)
		if err != nil {
			return err
		}
		if d.Done() {
			return ErrFinished.With("Unable to cancel the deployment '%s': it is in the state '%s'.", at.Name(), d.State)
		}
		if _, err := tx.Exec(ctx, "UPDATE deployments SET wanted = 'cancel' WHERE path = $1", path(at)); err != nil {
			return fmt.Errorf("cancel deployment %s: %w", at, err)
		}
		tx.Changed(Topic, at.Key())
		return s.record(ctx, tx, at, "cancel/action", audit.Succeeded, "", nil)
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	r := s.active[at.Key()]
	s.mu.Unlock()
	if r != nil {
		r.stop(errCanceled)
	}
	return nil
}
