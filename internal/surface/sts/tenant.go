package sts

import (
	"context"
	"errors"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
)

// The names that stand for no tenant of their own, and the tenant of personal accounts.
const (
	common        = "common"
	organizations = "organizations"
	consumers     = "consumers"
	consumersID   = "9188040d-6c67-4c5b-b112-36a304b66dad"
)

// segment is the tenant part of a URL, resolved (DT-1.7).
type segment struct {
	text   string           // as in endpoint URLs: the GUID, or "common", "organizations"
	tenant directory.Tenant // zero where shared is true
	shared bool             // common or organizations
}

// issuerTenant is what stands for the tenant in issuers: the GUID, or the literal template
// that clients fill in (DT-7).
func (s segment) issuerTenant() string {
	if s.shared {
		return "{tenantid}"
	}
	return string(s.tenant.ID)
}

// resolve reads the tenant part of a URL. Refusals: 9001023, 900023, 90002.
func (m *Room) resolve(ctx context.Context, text string) (segment, error) {
	lower := strings.ToLower(text)
	switch lower {
	case common, organizations:
		return segment{text: lower, shared: true}, nil
	case consumers, consumersID:
		return segment{}, fail(9001023, text)
	}
	t, err := m.lookup(ctx, lower)
	if errors.Is(err, directory.ErrTenantNotFound) {
		return segment{}, fail(90002, text)
	}
	if err != nil {
		return segment{}, err
	}
	return segment{text: string(t.ID), tenant: t}, nil
}

// lookup finds a tenant by GUID or domain name, in lower case.
func (m *Room) lookup(ctx context.Context, name string) (directory.Tenant, error) {
	if tid, err := id.ParseTenant(name); err == nil {
		return m.directory.Tenant(ctx, tid)
	}
	if !domainName(name) {
		return directory.Tenant{}, fail(900023, name)
	}
	return m.directory.TenantByDomain(ctx, name)
}

// domainName reports whether s can be a domain name with at least one dot.
func domainName(s string) bool {
	return strings.Contains(s, ".") && len(s) <= 253 && !strings.ContainsFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-'
	})
}
