package token

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
)

// The lifetimes that are allowed (S/R 6.1).
const (
	minLifetime = 5 * time.Minute
	maxLifetime = 24 * time.Hour
)

// signer gives the key that signs now.
type signer interface {
	// Signer returns the active RSA key and its id, which is also its x5t.
	Signer() (kid string, key crypto.Signer, err error)
}

// IssuerConfig names what an Issuer needs; all fields.
type IssuerConfig struct {
	// Authority is the sign-in service as frozen at first start, without a trailing slash:
	// "https://login.sealring.internal:8443" (L-1, S-41).
	Authority string
	Signer    signer
	Now       func() time.Time
	Rand      io.Reader
}

// Issuer makes access tokens. It is safe for concurrent use.
type Issuer struct {
	authority string
	signer    signer
	now       func() time.Time
	rand      io.Reader
}

// IssuerURL returns the `iss` of a tenant's tokens of one version (L-1).
func IssuerURL(authority string, tenant id.Tenant, v Version) string {
	if v == V2 {
		return authority + "/" + string(tenant) + "/v2.0"
	}
	return authority + "/" + string(tenant) + "/"
}

// NewIssuer returns an Issuer or names the missing setting (S-31).
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	if err := checkAuthority(c.Authority); err != nil {
		return nil, err
	}
	if c.Signer == nil || c.Now == nil || c.Rand == nil {
		return nil, errors.New("token: Signer, Now and Rand are needed")
	}
	return &Issuer{authority: c.Authority, signer: c.Signer, now: c.Now, rand: c.Rand}, nil
}

// wire is the payload of an access token, in the order of the documented samples (DT 3.9).
type wire struct {
	Aud string `json:"aud"`
	Iss string `json:"iss"`
	Iat int64  `json:"iat"`
	Nbf int64  `json:"nbf"`
	Exp int64  `json:"exp"`
	Acr string `json:"acr,omitempty"`
	Aio string `json:"aio"`

	Methods  []string `json:"amr,omitempty"`
	Name     string   `json:"app_displayname,omitempty"`
	AppID    string   `json:"appid,omitempty"`
	AppIDAcr string   `json:"appidacr,omitempty"`
	Azp      string   `json:"azp,omitempty"`
	AzpAcr   string   `json:"azpacr,omitempty"`

	ClaimNames   *overageNames   `json:"_claim_names,omitempty"`
	ClaimSources *overageSources `json:"_claim_sources,omitempty"`
	Groups       []string        `json:"groups,omitempty"`

	Idp      string   `json:"idp"`
	Idtyp    string   `json:"idtyp"`
	IPAddr   string   `json:"ipaddr,omitempty"`
	UserName string   `json:"name,omitempty"`
	Oid      string   `json:"oid"`
	Rh       string   `json:"rh"`
	Roles    []string `json:"roles,omitempty"`
	Scp      string   `json:"scp,omitempty"`
	Sub      string   `json:"sub"`
	Tid      string   `json:"tid"`
	Unique   string   `json:"unique_name,omitempty"`
	UPN      string   `json:"upn,omitempty"`
	Uti      string   `json:"uti"`
	Ver      string   `json:"ver"`
	Wids     []string `json:"wids,omitempty"`

	NwPerimeter *[]string `json:"xms_az_nwperimid,omitempty"`
	AzRID       string    `json:"xms_az_rid,omitempty"`
	CC          []string  `json:"xms_cc,omitempty"`
	FICInfo     string    `json:"xms_ficinfo,omitempty"`
	IDRel       string    `json:"xms_idrel"`
	MIRID       string    `json:"xms_mirid,omitempty"`
	TCDT        int64     `json:"xms_tcdt,omitempty"`
}

// overageNames and overageSources say where the groups are that did not fit (DT 3.4).
type (
	overageNames struct {
		Groups string `json:"groups"`
	}
	overageSources struct {
		Src1 struct {
			Endpoint string `json:"endpoint"`
		} `json:"src1"`
	}
)

// Issue makes the token that r describes. Errors are the caller's mistakes or an internal
// failure; nothing of them is for a client.
func (i *Issuer) Issue(r Request) (Issued, error) {
	if err := r.check(); err != nil {
		return Issued{}, err
	}
	kid, key, err := i.signer.Signer()
	if err != nil {
		return Issued{}, fmt.Errorf("issue token: %w", err)
	}
	var random [16]byte
	if _, err := io.ReadFull(i.rand, random[:]); err != nil {
		return Issued{}, fmt.Errorf("draw a token id: %w", err)
	}
	now := i.now().UTC().Truncate(time.Second)
	if now.Before(r.NotEarlier) {
		now = r.NotEarlier
	}
	out := Issued{
		Audience: r.Audience, UTI: base64.RawURLEncoding.EncodeToString(random[:]), KeyID: kid,
		Issued: now, NotBefore: now.Add(-MaxSkew), Expires: now.Add(r.Lifetime.Truncate(time.Second)),
	}
	payload, err := json.Marshal(i.payload(&r, &out))
	if err != nil {
		return Issued{}, fmt.Errorf("encode claims: %w", err)
	}
	text, err := sign(jose(r.Version, kid), payload, key, i.rand)
	if err != nil {
		return Issued{}, err
	}
	out.Token = secret.New(text)
	return out, nil
}

// check refuses what no token may say.
func (r *Request) check() error {
	switch {
	case r.Tenant == "", r.Object == "", r.App == "", r.Audience == "":
		return errors.New("token: Tenant, Object, App and Audience are needed")
	case r.Version != V1 && r.Version != V2:
		return fmt.Errorf("token: version %d", r.Version)
	case r.Auth != AuthSecret && r.Auth != AuthAssertion && (r.Auth != AuthPublic || r.User == nil):
		return fmt.Errorf("token: Auth %q", r.Auth)
	case r.Lifetime < minLifetime || r.Lifetime > maxLifetime:
		return fmt.Errorf("token: lifetime %v is not between %v and %v", r.Lifetime, minLifetime, maxLifetime)
	case r.User != nil && len(r.User.Scopes) == 0:
		return errors.New("token: a user's token needs scopes")
	}
	return nil
}

// payload fills the claims in.
func (i *Issuer) payload(r *Request, out *Issued) *wire {
	p := &wire{
		Aud: r.Audience, Iss: IssuerURL(i.authority, r.Tenant, r.Version),
		Iat: out.NotBefore.Unix(), Nbf: out.NotBefore.Unix(), Exp: out.Expires.Unix(),
		Aio: "k2RgYA==", Name: r.DisplayName, Groups: r.Groups,
		Idp: IssuerURL(i.authority, r.Tenant, V1), Idtyp: TypeApp,
		Oid: string(r.Object), Rh: "1.AA.", Roles: r.Roles, Sub: string(r.Object), Tid: string(r.Tenant),
		Uti: out.UTI, Wids: r.DirectoryRoles, AzRID: r.AzRID, IDRel: "7 12", MIRID: r.MIRID,
	}
	if r.Version == V1 {
		p.Ver, p.AppID, p.AppIDAcr = "1.0", string(r.App), r.Auth
	} else {
		p.Ver, p.Azp, p.AzpAcr = "2.0", string(r.App), r.Auth
	}
	if r.GroupsEndpoint != "" {
		p.Groups, p.ClaimNames, p.ClaimSources = nil, &overageNames{Groups: "src1"}, &overageSources{}
		p.ClaimSources.Src1.Endpoint = r.GroupsEndpoint
	}
	if !r.TenantCreated.IsZero() {
		p.TCDT = r.TenantCreated.Unix()
	}
	if r.ClientCapable {
		p.CC = []string{"CP1"}
	}
	if r.Federated {
		p.FICInfo = federatedMark
		if r.MIRID != "" {
			p.IDRel = "33 12"
		}
	}
	if r.NetworkPerimeter {
		p.NwPerimeter = &[]string{}
	}
	if u := r.User; u != nil {
		p.person(u, r.Version)
	}
	return p
}

// person fills in what only the tokens of people say.
func (p *wire) person(u *User, v Version) {
	p.Idtyp, p.IDRel, p.Scp, p.UPN, p.UserName = TypeUser, "1 12", strings.Join(u.Scopes, " "), u.UPN, u.Name
	p.Methods, p.IPAddr = u.Methods, u.Address
	if u.Subject != "" {
		p.Sub = u.Subject
	}
	if v == V1 {
		p.Acr, p.Unique = "1", u.UPN
	}
}

// federatedMark is xms_ficinfo: that it is there says all.
const federatedMark = "CAEQABgAIAAoAQ"

// jose returns the header: v1 tokens name the key twice (DT 3.1). A kid is base64url, so
// it needs no escaping.
func jose(v Version, kid string) string {
	if v == V1 {
		return `{"typ":"JWT","alg":"RS256","x5t":"` + kid + `","kid":"` + kid + `"}`
	}
	return `{"typ":"JWT","alg":"RS256","kid":"` + kid + `"}`
}

// sign returns the compact JWS of header and payload, RS256.
func sign(header string, payload []byte, key crypto.Signer, rand io.Reader) (string, error) {
	enc := base64.RawURLEncoding
	buf := make([]byte, 0, enc.EncodedLen(len(header))+enc.EncodedLen(len(payload))+1+1+enc.EncodedLen(512))
	buf = enc.AppendEncode(buf, []byte(header))
	buf = append(buf, '.')
	buf = enc.AppendEncode(buf, payload)
	digest := sha256.Sum256(buf)
	signature, err := key.Sign(rand, digest[:], crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	buf = append(buf, '.')
	return string(enc.AppendEncode(buf, signature)), nil
}
