package managedidentity

import (
	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/resource"
)

// Caller is who asks for a token, as the node endpoint established it.
type Caller struct {
	// Resource is the host whose identities the caller may use.
	Resource resource.ID
	// Process is the asking process, as far as the kernel could say; nil if nothing is known.
	Process *audit.Process
}

// Dialect is the family of rules by which an identity is chosen when none is named (TE §3.2).
type Dialect string

// The dialects.
const (
	// IMDS takes the system-assigned identity, else the only user-assigned one.
	IMDS Dialect = "imds"
	// AppService takes the system-assigned identity and nothing else.
	AppService Dialect = "appservice"
)

// SelectorKind is what a selector's value is.
type SelectorKind string

// The kinds of selector.
const (
	SelectNone     SelectorKind = ""
	SelectClient   SelectorKind = "client_id"
	SelectObject   SelectorKind = "object_id"
	SelectResource SelectorKind = "msi_res_id"
)

// Selector names the wanted identity. The zero value names none; an empty Value counts as none.
type Selector struct {
	Kind  SelectorKind
	Value string // as sent, in any letter case
}

// Request is one request for a token.
type Request struct {
	Audience string // the `resource` parameter as sent
	Selector Selector
	Dialect  Dialect
	// Capabilities are the values of xms_cc, for example "CP1", in the order sent.
	Capabilities []string
}

// Identity is the identity a token was minted for.
type Identity struct {
	PrincipalID id.Object
	ClientID    id.App
	Tenant      id.Tenant
	System      bool
	// Resource is the host for a system-assigned identity, else the identity's own resource.
	Resource resource.ID
}
