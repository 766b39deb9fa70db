package managementlock

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
)

// Config names what a Service needs.
type Config struct {
	Store *store.DB
	Audit *audit.Log
	Now   func() time.Time
}

// Service keeps the locks, in memory too: every write of Resource Manager asks it. It opens
// its own transactions and is safe for concurrent use.
type Service struct {
	db  *store.DB
	log *audit.Log
	now func() time.Time

	changes atomic.Uint64          // counts the changes heard of on the feed
	current atomic.Pointer[loaded] // the locks in use; stale when changes moved on
	loading sync.Mutex             // held by whoever reads the table
}

// loaded is all locks, by id, and the count of changes before they were read.
type loaded struct {
	changes uint64
	locks   []*Lock
}

// New returns a Service over the table of c.Store and subscribes to its feed.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Audit == nil || c.Now == nil {
		return nil, errors.New("managementlock: Store, Audit and Now are needed")
	}
	s := &Service{db: c.Store, log: c.Audit, now: c.Now}
	c.Store.Subscribe(Topic, func([]string) { s.changes.Add(1) })
	return s, nil
}

// all returns the locks, with every change this process has heard of (L-3).
func (s *Service) all(ctx context.Context) ([]*Lock, error) {
	if l := s.current.Load(); l != nil && l.changes == s.changes.Load() {
		return l.locks, nil
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	changes := s.changes.Load() // before reading: a change meanwhile makes the result stale
	if l := s.current.Load(); l != nil && l.changes == changes {
		return l.locks, nil
	}
	var locks []*Lock
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		locks, err = read(ctx, tx, "ORDER BY path", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.current.Store(&loaded{changes, locks})
	return locks, nil
}

// Blocking returns the scopes whose locks forbid to delete what is at scope, or to change
// it; none if it may be. below adds, for a deletion, the locks on what lies below scope and
// would go along.
func (s *Service) Blocking(ctx context.Context, scope resource.ID, deletion, below bool) ([]resource.ID, error) {
	locks, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	var at []resource.ID
	for _, l := range locks {
		if !deletion && l.Level != ReadOnly {
			continue
		}
		if l.Scope.Contains(scope) || deletion && below && scope.Contains(l.Scope) {
			if !slices.ContainsFunc(at, l.Scope.Equal) {
				at = append(at, l.Scope)
			}
		}
	}
	return at, nil
}

// List returns the locks at and below a scope, by id; atScope those at and above it.
func (s *Service) List(ctx context.Context, scope resource.ID, atScope bool) ([]Lock, error) {
	locks, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	list := []Lock{}
	for _, l := range locks {
		if atScope && l.Scope.Contains(scope) || !atScope && scope.Contains(l.Scope) {
			list = append(list, *l)
		}
	}
	return list, nil
}

// Get returns a lock. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, scope resource.ID, name string) (Lock, error) {
	locks, err := s.all(ctx)
	if err != nil {
		return Lock{}, err
	}
	want := (&Lock{Scope: scope, Name: name}).ID()
	for _, l := range locks {
		if !want.IsZero() && l.ID().Equal(want) {
			return *l, nil
		}
	}
	return Lock{}, ErrNotFound.With("The lock '%.90s' could not be found.", name)
}

// Put creates or replaces a lock. Errors: ErrInvalid, ErrTooMany.
func (s *Service) Put(ctx context.Context, n Lock) (l Lock, created bool, err error) {
	if err := n.check(); err != nil {
		return l, false, err
	}
	owners, err := json.Marshal(n.Owners)
	if err != nil {
		return l, false, fmt.Errorf("encode the owners of a lock: %w", err)
	}
	path := []byte(n.ID().Key())
	n.Updated, n.UpdatedBy = s.now().UTC().Truncate(time.Second), audit.ActorFrom(ctx).Object
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		n.Created, n.CreatedBy, created = n.Updated, n.UpdatedBy, true
		same, err := read(ctx, tx, "WHERE path = $1", []any{path})
		if err != nil {
			return err
		}
		if len(same) == 1 {
			n.Scope, n.Name, n.Created, n.CreatedBy, created = same[0].Scope, same[0].Name, same[0].Created, same[0].CreatedBy, false
		} else if err := s.room(ctx, tx, n.Scope); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM management_lock WHERE path = $1", path); err != nil {
			return fmt.Errorf("replace lock %s: %w", n.Name, err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO management_lock (path, scope, name, level, notes, owners, created_at, created_by, updated_at, updated_by)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, path, n.Scope.String(), n.Name, string(n.Level), n.Notes, string(owners),
			n.Created.Unix(), string(n.CreatedBy), n.Updated.Unix(), string(n.UpdatedBy))
		if err != nil {
			return fmt.Errorf("insert lock %s: %w", n.Name, err)
		}
		return s.changed(ctx, tx, &n, "write")
	})
	return n, created, err
}

// room refuses one lock too many at a scope. Errors: ErrTooMany.
func (s *Service) room(ctx context.Context, tx *store.Tx, scope resource.ID) error {
	all, err := read(ctx, tx, "", nil)
	if err != nil {
		return err
	}
	count := 0
	for _, l := range all {
		if l.Scope.Equal(scope) {
			count++
		}
	}
	if count >= perScope {
		return ErrTooMany.With("The scope '%s' has %d locks; it can have no more.", scope, count)
	}
	return nil
}

// Delete removes a lock. Errors: ErrNotFound.
func (s *Service) Delete(ctx context.Context, scope resource.ID, name string) error {
	l := &Lock{Scope: scope, Name: name}
	if l.ID().IsZero() {
		return ErrNotFound.With("The lock '%.90s' could not be found.", name)
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM management_lock WHERE path = $1", []byte(l.ID().Key()))
		if err != nil {
			return fmt.Errorf("delete lock %s: %w", name, err)
		}
		if n == 0 {
			return ErrNotFound.With("The lock '%.90s' could not be found.", name)
		}
		return s.changed(ctx, tx, l, "delete")
	})
}

// RemoveScope deletes the locks at and below a scope in the caller's transaction: nothing
// of that name inherits them. What is locked cannot be deleted, so there are some only
// where the installation itself deletes.
func (s *Service) RemoveScope(ctx context.Context, tx *store.Tx, scope resource.ID) error {
	if scope.IsZero() || scope.IsRoot() {
		return fmt.Errorf("remove the locks of scope %q: %w", scope, ErrInvalid)
	}
	low, high := append([]byte(scope.Key()), '/'), append([]byte(scope.Key()), '0')
	gone, err := read(ctx, tx, "WHERE path > $1 AND path < $2", []any{low, high})
	if err != nil {
		return err
	}
	for _, l := range gone {
		if _, err := tx.Exec(ctx, "DELETE FROM management_lock WHERE path = $1", []byte(l.ID().Key())); err != nil {
			return fmt.Errorf("delete lock %s: %w", l.Name, err)
		}
		if err := s.changed(ctx, tx, l, "delete"); err != nil {
			return err
		}
	}
	return nil
}

// changed puts a write on the feed and on record, in its transaction (D-3).
func (s *Service) changed(ctx context.Context, tx *store.Tx, l *Lock, verb string) error {
	tx.Changed(Topic, l.ID().Key())
	return s.log.Record(ctx, tx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: "Microsoft.Authorization/locks/" + verb,
		Target: l.ID().String(), Subscription: l.Scope.Subscription()})
}

// read reads locks. A row that cannot be read is a failure: to leave it out would allow
// what it forbids.
func read(ctx context.Context, tx *store.Tx, clause string, args []any) ([]*Lock, error) {
	var list []*Lock
	err := tx.Query(ctx, func(r store.Row) error {
		var l Lock
		var scope, level, owners, createdBy, updatedBy string
		var created, updated int64
		err := r.Scan(&scope, &l.Name, &level, &l.Notes, &owners, &created, &createdBy, &updated, &updatedBy)
		if err != nil {
			return fmt.Errorf("scan a lock: %w", err)
		}
		if l.Scope, err = resource.ParseID(scope); err != nil {
			return fmt.Errorf("lock %s has scope %q: %w", l.Name, scope, err)
		}
		if err := json.Unmarshal([]byte(owners), &l.Owners); err != nil {
			return fmt.Errorf("owners of lock %s: %w", l.Name, err)
		}
		l.Level = Level(level)
		l.Created, l.CreatedBy = time.Unix(created, 0).UTC(), id.Object(createdBy)
		l.Updated, l.UpdatedBy = time.Unix(updated, 0).UTC(), id.Object(updatedBy)
		list = append(list, &l)
		return nil
	}, "SELECT scope, name, level, notes, owners, created_at, created_by, updated_at, updated_by FROM management_lock "+clause, args...)
	if err != nil {
		return nil, fmt.Errorf("read locks: %w", err)
	}
	return list, nil
}
