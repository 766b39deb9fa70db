package relation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// loadedRows is what a load reads.
type loadedRows struct {
	groups      []*Group
	edges       []edge
	assignments []*AppRoleAssignment
	grants      []*Grant
}

// readAll loads everything.
func (l *loadedRows) readAll(ctx context.Context, tx *store.Tx) error {
	if err := l.readGroups(ctx, tx, ""); err != nil {
		return err
	}
	if err := l.readEdges(ctx, tx, nil); err != nil {
		return err
	}
	if err := l.readAssignments(ctx, tx, ""); err != nil {
		return err
	}
	return l.readGrants(ctx, tx, "")
}

// read loads what keys name.
func (l *loadedRows) read(ctx context.Context, tx *store.Tx, keys []string) error {
	for _, k := range keys {
		kind, name, _ := strings.Cut(k, "/")
		var err error
		switch kind {
		case "g":
			err = l.readGroups(ctx, tx, name)
		case "e":
			if e, ok := parseEdge(name); ok {
				err = l.readEdges(ctx, tx, &e)
			}
		case "r":
			err = l.readAssignments(ctx, tx, name)
		case "h":
			err = l.readGrants(ctx, tx, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// onlyRow is the condition that picks one row by its id, or nothing where id is "".
func onlyRow(id string) (condition string, args []any) {
	if id == "" {
		return "", nil
	}
	return " AND id = $1", []any{id}
}

// groupColumns are what scanGroup reads.
const groupColumns = "id, tenant_id, display_name, mail_nickname, security_enabled, mail_enabled, unified, role_assignable, profile, created_at"

// scanGroup reads a row of groupColumns.
func scanGroup(r store.Row) (*Group, error) {
	g := &Group{}
	var profile string
	var created int64
	err := r.Scan(&g.ID, &g.Tenant, &g.DisplayName, &g.MailNickname, &g.SecurityEnabled, &g.MailEnabled, &g.Unified, &g.RoleAssignable, &profile, &created)
	if err != nil {
		return nil, fmt.Errorf("scan group: %w", err)
	}
	g.Profile, g.Created = json.RawMessage(profile), time.Unix(created, 0).UTC()
	return g, nil
}

// readGroups loads one live group, or all for "".
func (l *loadedRows) readGroups(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow(only)
	return tx.Query(ctx, tx.Sound(ctx, "group", func(r store.Row) error {
		g, err := scanGroup(r)
		if err == nil && json.Valid(g.Profile) { // a damaged row is a group that does not exist (S-67)
			l.groups = append(l.groups, g)
		}
		return err
	}), "SELECT "+groupColumns+" FROM relation_groups WHERE deleted_at = 0"+condition, args...)
}

// readEdges loads one edge, or all for nil.
func (l *loadedRows) readEdges(ctx context.Context, tx *store.Tx, only *edge) error {
	condition, args := "", []any(nil)
	if only != nil {
		condition = " AND tenant_id = $1 AND kind = $2 AND source = $3 AND target = $4"
		args = []any{string(only.tenant), string(only.kind), string(only.source), string(only.target)}
	}
	return tx.Query(ctx, tx.Sound(ctx, "relation", func(r store.Row) error {
		var e edge
		if err := r.Scan(&e.tenant, &e.kind, &e.source, &e.target); err != nil {
			return fmt.Errorf("scan relation: %w", err)
		}
		l.edges = append(l.edges, e)
		return nil
	}), "SELECT tenant_id, kind, source, target FROM relation_edges WHERE 1 = 1"+condition, args...)
}

// readAssignments loads one app role assignment, or all for "".
func (l *loadedRows) readAssignments(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow(only)
	return tx.Query(ctx, tx.Sound(ctx, "app role assignment", func(r store.Row) error {
		a := &AppRoleAssignment{}
		var created int64
		if err := r.Scan(&a.ID, &a.Tenant, &a.Role, &a.Principal, &a.Kind, &a.Resource, &created); err != nil {
			return fmt.Errorf("scan app role assignment: %w", err)
		}
		a.Created = time.Unix(created, 0).UTC()
		l.assignments = append(l.assignments, a)
		return nil
	}), "SELECT id, tenant_id, role_id, principal_id, kind, resource_id, created_at FROM relation_app_roles WHERE 1 = 1"+condition, args...)
}

// readGrants loads one delegated permission grant, or all for "".
func (l *loadedRows) readGrants(ctx context.Context, tx *store.Tx, only string) error {
	condition, args := onlyRow(only)
	return tx.Query(ctx, tx.Sound(ctx, "delegated permission grant", func(r store.Row) error {
		g := &Grant{}
		var created int64
		if err := r.Scan(&g.ID, &g.Tenant, &g.Client, &g.Principal, &g.Resource, &g.Scope, &created); err != nil {
			return fmt.Errorf("scan delegated permission grant: %w", err)
		}
		g.Created = time.Unix(created, 0).UTC()
		l.grants = append(l.grants, g)
		return nil
	}), "SELECT id, tenant_id, client_id, principal_id, resource_id, scope, created_at FROM relation_grants WHERE 1 = 1"+condition, args...)
}
