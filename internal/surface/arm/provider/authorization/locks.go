package authorization

import (
	"context"
	"errors"
	"net/http"

	"github.com/sealring/sealring/internal/managementlock"
	"github.com/sealring/sealring/internal/surface/arm"
)

// wireLock is a lock in answers (CP §2.13).
type wireLock struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Properties lockProperties `json:"properties"`
}

// lockProperties are its properties.
type lockProperties struct {
	Level  string          `json:"level"`
	Notes  string          `json:"notes,omitempty"`
	Owners []wireLockOwner `json:"owners,omitempty"`
}

// wireLockOwner names an application that owns a lock.
type wireLockOwner struct {
	ApplicationID string `json:"applicationId"`
}

// newLock shapes a lock.
func newLock(l managementlock.Lock) wireLock {
	w := wireLock{ID: l.ID().String(), Name: l.Name, Type: "Microsoft.Authorization/locks",
		Properties: lockProperties{Level: string(l.Level), Notes: l.Notes}}
	for _, o := range l.Owners {
		w.Properties.Owners = append(w.Properties.Owners, wireLockOwner{o})
	}
	return w
}

// listLocks answers with the locks at the scope and below it, with atScope() those at it
// and above it, as far as the caller may read them.
func (p *authorizationProvider) listLocks(ctx context.Context, r *arm.Request) (arm.Response, error) {
	filter, err := arm.ParseFilter(r.Query("$filter"))
	if err != nil {
		return arm.Response{}, err
	}
	atScope := false
	for _, all := range filter {
		for _, t := range all {
			if t.Op != "atscope" || t.Field != "" || t.Value != "" {
				return arm.Response{}, arm.ErrFilter.With("The filter '%.128s' is not supported. Supported is atScope().", r.Query("$filter"))
			}
			atScope = true
		}
	}
	all, err := p.Locks.List(ctx, r.Target, atScope)
	if err != nil {
		return arm.Response{}, err
	}
	fetch := arm.Slice(all, func(l managementlock.Lock) string { return l.ID().Key() })
	return arm.Page(ctx, r, fetch, func(ctx context.Context, l managementlock.Lock) (any, error) {
		visible, err := r.Visible(ctx, l.Scope)
		if err != nil || !visible {
			return nil, err
		}
		return newLock(l), nil
	})
}

// getLock answers with one lock.
func (p *authorizationProvider) getLock(ctx context.Context, r *arm.Request) (arm.Response, error) {
	l, err := p.Locks.Get(ctx, r.Target, r.Var("name"))
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newLock(l))
}

// putLock creates or replaces a lock.
func (p *authorizationProvider) putLock(ctx context.Context, r *arm.Request) (arm.Response, error) {
	l := managementlock.Lock{Scope: r.Target, Name: r.Var("name")}
	props, err := r.Properties()
	if err != nil {
		return arm.Response{}, err
	}
	if err := props.Exact("level", "notes", "owners"); err != nil {
		return arm.Response{}, err
	}
	level, err := props.Text("level")
	if err != nil {
		return arm.Response{}, err
	}
	l.Level = managementlock.Level(level)
	if l.Notes, err = props.Text("notes"); err != nil {
		return arm.Response{}, err
	}
	var owners []arm.Object
	if err := props.Into("owners", &owners); err != nil {
		return arm.Response{}, err
	}
	for _, o := range owners {
		app, err := o.Text("applicationId")
		if err != nil {
			return arm.Response{}, err
		}
		l.Owners = append(l.Owners, app)
	}
	stored, created, err := p.Locks.Put(ctx, l)
	if err != nil {
		return arm.Response{}, err
	}
	if created {
		return arm.Created(newLock(stored))
	}
	return arm.OK(newLock(stored))
}

// deleteLock removes a lock; 204 if there was none.
func (p *authorizationProvider) deleteLock(ctx context.Context, r *arm.Request) (arm.Response, error) {
	err := p.Locks.Delete(ctx, r.Target, r.Var("name"))
	switch {
	case errors.Is(err, managementlock.ErrNotFound):
		return arm.NoContent()
	case err != nil:
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK}, nil
}
