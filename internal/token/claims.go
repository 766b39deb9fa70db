package token

import (
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
)

// Claims are the claims of an access token that was verified (DT 3.2). Slices are shared
// and must not be changed.
type Claims struct {
	Tenant   id.Tenant
	Object   id.Object
	App      id.App // appid of v1, azp of v2
	Audience string
	Issuer   string
	Subject  string
	Version  Version
	Auth     string // appidacr, azpacr
	Type     string // TypeApp or TypeUser
	UTI      string
	KeyID    string // header, not a claim

	IssuedAt  time.Time // UTC, whole seconds, as the next two
	NotBefore time.Time
	Expires   time.Time

	Roles          []string
	DirectoryRoles []string // wids
	Groups         []string
	Scopes         []string // scp, users only
	UPN            string
	Name           string
	MIRID          string // xms_mirid
	AzRID          string // xms_az_rid
	// Federated says that the token was obtained by a federated assertion (xms_ficinfo).
	Federated bool
}

// ManagedIdentity reports whether the token is one of a managed identity.
func (c *Claims) ManagedIdentity() bool { return c.MIRID != "" }

// Issued is when the token was made: its start is dated back (Issued.NotBefore).
func (c *Claims) Issued() time.Time { return c.NotBefore.Add(MaxSkew) }

// raw are claims as they stand in the payload, typed but not yet believed.
type raw struct {
	aud, iss, sub, tid, oid, ver, idtyp, uti string
	appid, appidacr, azp, azpacr             string
	nonce, scp, upn, name, mirid, azrid, fic string
	roles, wids, groups                      []string
	exp, nbf, iat                            int64 // 0: absent
}

// readClaims reads the payload of an access token. A claim of the wrong type is malformed,
// among them an audience that is a list and an expiry that is text (S-30). Claims that
// nobody here reads are skipped.
func readClaims(payload []byte) (raw, error) {
	var c raw
	err := eachMember(payload, func(name, value []byte) error {
		if into := c.text(name); into != nil {
			return readString(value, into)
		}
		switch string(name) {
		case "exp":
			return readInteger(value, &c.exp)
		case "nbf":
			return readInteger(value, &c.nbf)
		case "iat":
			return readInteger(value, &c.iat)
		case "roles":
			return readStrings(value, &c.roles)
		case "wids":
			return readStrings(value, &c.wids)
		case "groups":
			return readStrings(value, &c.groups)
		}
		return nil
	})
	return c, err
}

// text returns where the text claim of that name goes; nil for other claims.
func (c *raw) text(name []byte) *string {
	switch string(name) {
	case "aud":
		return &c.aud
	case "iss":
		return &c.iss
	case "sub":
		return &c.sub
	case "tid":
		return &c.tid
	case "oid":
		return &c.oid
	case "ver":
		return &c.ver
	case "idtyp":
		return &c.idtyp
	case "uti":
		return &c.uti
	case "appid":
		return &c.appid
	case "appidacr":
		return &c.appidacr
	case "azp":
		return &c.azp
	case "azpacr":
		return &c.azpacr
	case "nonce":
		return &c.nonce
	case "scp":
		return &c.scp
	case "upn":
		return &c.upn
	case "name":
		return &c.name
	case "xms_mirid":
		return &c.mirid
	case "xms_az_rid":
		return &c.azrid
	case "xms_ficinfo":
		return &c.fic
	}
	return nil
}

// claims turns c into Claims and demands what every access token of ours has: identifiers
// in canonical form, a unique id, all three instants, a type that agrees with the scopes.
// Errors: ErrClaim; ErrKind for what is no access token.
func (c *raw) claims(kid string) (*Claims, error) {
	out := &Claims{
		Audience: c.aud, Issuer: c.iss, Subject: c.sub, Type: c.idtyp, UTI: c.uti, KeyID: kid,
		IssuedAt: time.Unix(c.iat, 0).UTC(), NotBefore: time.Unix(c.nbf, 0).UTC(), Expires: time.Unix(c.exp, 0).UTC(),
		Roles: c.roles, DirectoryRoles: c.wids, Groups: c.groups, UPN: c.upn, Name: c.name, MIRID: c.mirid, AzRID: c.azrid, Federated: c.fic != "",
	}
	app := c.appid
	switch c.ver {
	case "1.0":
		out.Version, out.Auth = V1, c.appidacr
	case "2.0":
		out.Version, out.Auth, app = V2, c.azpacr, c.azp
	default:
		return nil, ErrClaim
	}
	if c.exp == 0 || c.nbf == 0 || c.iat == 0 || c.aud == "" || c.uti == "" {
		return nil, ErrClaim
	}
	if c.nonce != "" || c.idtyp != TypeApp && c.idtyp != TypeUser || (c.idtyp == TypeApp) != (c.scp == "") {
		return nil, ErrKind
	}
	if c.scp != "" {
		out.Scopes = strings.Split(c.scp, " ")
	}
	var err error
	if out.Tenant, err = id.ParseTenant(c.tid); err != nil || string(out.Tenant) != c.tid {
		return nil, ErrClaim
	}
	if out.Object, err = id.ParseObject(c.oid); err != nil || string(out.Object) != c.oid {
		return nil, ErrClaim
	}
	if out.App, err = id.ParseApp(app); err != nil || string(out.App) != app {
		return nil, ErrClaim
	}
	if c.sub == "" || c.idtyp == TypeApp && c.sub != c.oid {
		return nil, ErrClaim
	}
	return out, nil
}
