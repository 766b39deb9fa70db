package deployment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/template/value"
)

// path is the form of an id in key columns.
func path(i resource.ID) []byte { return []byte(i.Key()) }

// columns are what scan reads, in order.
const columns = "id, state, document"

// scan reads a record.
func scan(r store.Row) (Deployment, error) {
	var d Deployment
	var text, state, document string
	if err := r.Scan(&text, &state, &document); err != nil {
		return d, fmt.Errorf("scan deployment: %w", err)
	}
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return d, fmt.Errorf("stored deployment %q: %w", text, err)
	}
	var err error
	if d.ID, err = resource.ParseID(text); err != nil {
		return d, fmt.Errorf("stored deployment id %q: %w", text, err)
	}
	d.State = state
	return d, nil
}

// Get returns a deployment. Errors: ErrNotFound.
func (s *Service) Get(ctx context.Context, at resource.ID) (Deployment, error) {
	var d Deployment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		d, err = getIn(ctx, tx, at)
		return err
	})
	return d, err
}

// getIn is Get in a transaction.
func getIn(ctx context.Context, tx *store.Tx, at resource.ID) (d Deployment, err error) {
	found := false
	err = tx.Query(ctx, func(r store.Row) error {
		found = true
		d, err = scan(r)
		return err
	}, "SELECT "+columns+" FROM deployments WHERE path = $1", path(at))
	if err != nil {
		return d, fmt.Errorf("read deployment %s: %w", at, err)
	}
	if !found {
		return d, ErrNotFound.With("Deployment '%s' could not be found.", at.Name())
	}
	return d, nil
}

// List returns the deployments at a scope, the newest first; state "" means all.
func (s *Service) List(ctx context.Context, scope resource.ID, state string) ([]Deployment, error) {
	var out []Deployment
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			d, err := scan(r)
			if state == "" || value.Fold(d.State) == value.Fold(state) {
				out = append(out, d)
			}
			return err
		}, "SELECT "+columns+" FROM deployments WHERE scope = $1 ORDER BY started_at DESC, path", path(scope))
	})
	return out, err
}

// Template returns the template as it was submitted. Errors: ErrNotFound.
func (s *Service) Template(ctx context.Context, at resource.ID) (*value.Object, error) {
	var text string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		found, err := tx.Get(ctx, "SELECT template FROM deployments WHERE path = $1", []any{path(at)}, &text)
		if err == nil && !found {
			err = ErrNotFound.With("Deployment '%s' could not be found.", at.Name())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return value.ParseObject([]byte(text))
}

// Operations returns what a deployment did, in the order in which it began. Errors: ErrNotFound.
func (s *Service) Operations(ctx context.Context, at resource.ID) ([]Operation, error) {
	var out []Operation
	err := s.db.View(ctx, func(tx *store.Tx) error {
		if _, err := getIn(ctx, tx, at); err != nil {
			return err
		}
		return tx.Query(ctx, func(r store.Row) error {
			var text string
			if err := r.Scan(&text); err != nil {
				return fmt.Errorf("scan operation: %w", err)
			}
			var op Operation
			if err := json.Unmarshal([]byte(text), &op); err != nil {
				return fmt.Errorf("stored operation: %w", err)
			}
			out = append(out, op)
			return nil
		}, "SELECT document FROM deployment_operations WHERE path = $1 ORDER BY place", path(at))
	})
	return out, err
}

// Delete removes the record of a deployment and reports whether there was one; what it
// deployed stays. Errors: ErrActive.
func (s *Service) Delete(ctx context.Context, at resource.ID) (bool, error) {
	existed := false
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		var state string
		var err error
		if existed, err = tx.Get(ctx, "SELECT state FROM deployments WHERE path = $1", []any{path(at)}, &state); err != nil || !existed {
			return err
		}
		if state == Running {
			return ErrActive.With("Unable to delete the deployment '%s', because it is still active: cancel it first.", at.Name())
		}
		if err := remove(ctx, tx, at); err != nil {
			return err
		}
		return s.record(ctx, tx, at, "delete", audit.Succeeded, "", nil)
	})
	return existed, err
}

// remove deletes the rows of a deployment.
func remove(ctx context.Context, tx *store.Tx, at resource.ID) error {
	for _, query := range []string{"DELETE FROM deployment_operations WHERE path = $1", "DELETE FROM deployments WHERE path = $1"} {
		if _, err := tx.Exec(ctx, query, path(at)); err != nil {
			return fmt.Errorf("delete deployment %s: %w", at, err)
		}
	}
	tx.Changed(Topic, at.Key())
	return nil
}

// RemoveScope deletes the records of all deployments at and below a scope that is being
// deleted, in the caller's transaction.
func (s *Service) RemoveScope(ctx context.Context, tx *store.Tx, scope resource.ID) error {
	low, high := append(path(scope), '/'), append(path(scope), '0') // '0' follows '/'
	for _, query := range []string{"DELETE FROM deployment_operations WHERE path > $1 AND path < $2", "DELETE FROM deployments WHERE path > $1 AND path < $2"} {
		if _, err := tx.Exec(ctx, query, low, high); err != nil {
			return fmt.Errorf("delete deployments in %s: %w", scope, err)
		}
	}
	return nil
}

// insert writes the record of a deployment that begins, in place of one of the same name
// that has ended, and prunes its scope. It reports whether the name is new.
// Errors: ErrActive, ErrLocationFixed.
func (s *Service) insert(ctx context.Context, tx *store.Tx, d *Deployment, tmpl *value.Object) (created bool, err error) {
	var state, location string
	found, err := tx.Get(ctx, "SELECT state, location FROM deployments WHERE path = $1", []any{path(d.ID)}, &state, &location)
	if err == nil && found && d.ID.Scope().IsRoot() {
		err = ours(ctx, tx, d)
	}
	switch {
	case errors.Is(err, ErrActive):
		return false, err
	case err != nil:
		return false, fmt.Errorf("read deployment %s: %w", d.ID, err)
	case found && state == Running:
		return false, ErrActive.With("Unable to edit or replace deployment '%s': the previous deployment of that name is still active. Please see https://aka.ms/arm-deploy for usage details.", d.ID.Name())
	case found && location != d.Location:
		return false, ErrLocationFixed.With("Invalid deployment location '%s'. The deployment '%s' already exists in location '%s'.", d.Location, d.ID.Name(), location)
	}
	if err := remove(ctx, tx, d.ID); err != nil {
		return false, err
	}
	document, err := json.Marshal(d)
	if err != nil {
		return false, fmt.Errorf("encode deployment %s: %w", d.ID, err)
	}
	scope := d.ID.Scope()
	_, err = tx.Exec(ctx, `INSERT INTO deployments (path, scope, id, state, wanted, location, server, alive_at, started_at, revision, document, template)
		VALUES ($1, $2, $3, $4, '', $5, $6, $7, $8, 0, $9, $10)`, path(d.ID), path(scope), d.ID.String(), d.State, d.Location, s.server,
		s.now().Unix(), d.Started.Unix(), string(document), string(value.Marshal(tmpl)))
	if err != nil {
		return false, fmt.Errorf("write deployment %s: %w", d.ID, err)
	}
	return !found, s.prune(ctx, tx, scope)
}

// ours refuses to replace a deployment of another tenant, which can only be at the root that
// all tenants share (S-54). Errors: ErrActive.
func ours(ctx context.Context, tx *store.Tx, d *Deployment) error {
	old, err := getIn(ctx, tx, d.ID)
	if err == nil && old.Tenant != d.Tenant {
		return ErrActive.With("The deployment name '%s' is taken: choose another one.", d.ID.Name())
	}
	return err
}

// prune deletes the oldest records of a scope that are above the limit and have ended.
func (s *Service) prune(ctx context.Context, tx *store.Tx, scope resource.ID) error {
	var have int64
	if _, err := tx.Get(ctx, "SELECT COUNT(*) FROM deployments WHERE scope = $1", []any{path(scope)}, &have); err != nil {
		return fmt.Errorf("count deployments at %s: %w", scope, err)
	}
	if have <= maxRecords {
		return nil
	}
	var oldest []resource.ID
	err := tx.Query(ctx, func(r store.Row) error {
		var text string
		if err := r.Scan(&text); err != nil {
			return fmt.Errorf("scan deployment: %w", err)
		}
		at, err := resource.ParseID(text)
		oldest = append(oldest, at)
		return err
	}, "SELECT id FROM deployments WHERE scope = $1 AND state <> $2 ORDER BY started_at, path LIMIT $3", path(scope), Running, have-maxRecords)
	if err != nil {
		return fmt.Errorf("list the oldest deployments at %s: %w", scope, err)
	}
	for _, at := range oldest {
		if err := remove(ctx, tx, at); err != nil {
			return err
		}
	}
	return nil
}

// update writes what changed of a deployment and the operations that changed. A record
// that was deleted meanwhile, with its group, stays deleted.
func (s *Service) update(ctx context.Context, tx *store.Tx, d *Deployment, ops []Operation) error {
	document, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode deployment %s: %w", d.ID, err)
	}
	n, err := tx.Exec(ctx, "UPDATE deployments SET state = $1, document = $2, alive_at = $3 WHERE path = $4", d.State, string(document), s.now().Unix(), path(d.ID))
	if err != nil {
		return fmt.Errorf("write deployment %s: %w", d.ID, err)
	}
	if n == 0 {
		return nil
	}
	for _, op := range ops {
		text, err := json.Marshal(op)
		if err != nil {
			return fmt.Errorf("encode operation of %s: %w", d.ID, err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO deployment_operations (path, id, place, document) VALUES ($1, $2, $3, $4)
			ON CONFLICT (path, id) DO UPDATE SET document = excluded.document`, path(d.ID), op.ID, op.Place, string(text)); err != nil {
			return fmt.Errorf("write operation of %s: %w", d.ID, err)
		}
	}
	tx.Changed(Topic, d.ID.Key())
	return nil
}

// record appends what happened to a deployment to the activity log.
func (s *Service) record(ctx context.Context, tx *store.Tx, at resource.ID, verb string, outcome audit.Outcome, reason string, details map[string]string) error {
	return s.log.Record(ctx, tx, audit.Event{Kind: audit.Activity, Outcome: outcome, Operation: "Microsoft.Resources/deployments/" + verb,
		Target: at.String(), Subscription: at.Subscription(), Reason: reason, Details: details, Time: s.now().UTC().Truncate(time.Second)})
}
