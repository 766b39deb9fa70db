package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Tenant is one directory: the boundary that no query crosses (S-54).
type Tenant struct {
	ID          id.Tenant
	DisplayName string
	// Domains are the verified domain names, lower case; each names the tenant in URLs.
	Domains []string
	// Created is the claim xms_tcdt (UTC, whole seconds).
	Created time.Time
}

// NewTenant says what to create.
type NewTenant struct {
	DisplayName string   // 1 to 256 characters
	Domains     []string // may be empty; letter case does not matter
}

// CreateTenant makes a tenant together with the service principals of the built-in
// resources (DT-3.8). Errors: ErrInvalid, store.ErrExists for a domain that is taken.
func (d *Directory) CreateTenant(ctx context.Context, tx *store.Tx, n NewTenant) (Tenant, error) {
	t := Tenant{ID: d.ids.Tenant(), DisplayName: n.DisplayName, Domains: []string{}, Created: d.now().UTC().Truncate(time.Second)}
	if err := checkName(n.DisplayName); err != nil {
		return Tenant{}, err
	}
	for _, domain := range n.Domains {
		t.Domains = append(t.Domains, strings.ToLower(domain))
	}
	domains, err := json.Marshal(t.Domains)
	if err != nil {
		return Tenant{}, fmt.Errorf("encode domains: %w", err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO directory_tenants (id, display_name, domains, created_at) VALUES ($1, $2, $3, $4)",
		string(t.ID), t.DisplayName, string(domains), seconds(t.Created))
	if err != nil {
		return Tenant{}, fmt.Errorf("insert tenant: %w", err)
	}
	for _, domain := range t.Domains {
		if _, err := tx.Exec(ctx, "INSERT INTO directory_domains (name, tenant_id) VALUES ($1, $2)", domain, string(t.ID)); err != nil {
			return Tenant{}, fmt.Errorf("insert domain %s: %w", domain, err)
		}
	}
	tx.Changed(Topic, tenantKey(t.ID))
	if err := d.record(ctx, tx, "directory.tenant.create", string(t.ID), map[string]string{"display_name": t.DisplayName}); err != nil {
		return Tenant{}, err
	}
	return t, d.createBuiltins(ctx, tx, t.ID)
}

// Tenant returns a tenant. Errors: ErrTenantNotFound.
func (d *Directory) Tenant(ctx context.Context, tenant id.Tenant) (Tenant, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return Tenant{}, err
	}
	defer d.cache.done()
	t, ok := s.tenants[tenant]
	if !ok {
		return Tenant{}, ErrTenantNotFound.With("tenant %s does not exist", tenant)
	}
	return t, nil
}

// TenantByDomain returns the tenant with the verified domain name, in any letter case.
// Errors: ErrTenantNotFound.
func (d *Directory) TenantByDomain(ctx context.Context, domain string) (Tenant, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return Tenant{}, err
	}
	defer d.cache.done()
	t, ok := s.tenants[s.domains[strings.ToLower(domain)]]
	if !ok {
		return Tenant{}, ErrTenantNotFound.With("no tenant has the domain %q", domain)
	}
	return t, nil
}

// Tenants returns all tenants, ordered by id.
func (d *Directory) Tenants(ctx context.Context) ([]Tenant, error) {
	s, err := d.cache.read(ctx)
	if err != nil {
		return nil, err
	}
	defer d.cache.done()
	out := make([]Tenant, 0, len(s.tenants))
	for _, t := range s.tenants {
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Tenant) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return out, nil
}

// checkName demands a display name of 1 to 256 characters (DT-6.3). Errors: ErrInvalid.
func checkName(name string) error {
	if n := len([]rune(name)); n < 1 || n > 256 {
		return ErrInvalid.With("a display name has 1 to 256 characters, not %d", n)
	}
	return nil
}
