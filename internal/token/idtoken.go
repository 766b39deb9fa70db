package token

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/secret"
)

// IDRequest is what an id_token shall say about a sign-in (DT-2.8). Tenant, Object, Audience,
// Subject and Lifetime are needed.
type IDRequest struct {
	Tenant   id.Tenant
	Object   id.Object
	Audience string // the client id, in the letter case in which the client spells it
	Subject  string // pairwise: of this user at this client
	UPN      string // preferred_username
	Name     string
	Nonce    string // "" if the client sent none
	Session  string // sid; "" if there is no session
	SignedIn time.Time
	Lifetime time.Duration
}

// idWire is the payload of an id_token of version 2.
type idWire struct {
	Aud      string `json:"aud"`
	Iss      string `json:"iss"`
	Iat      int64  `json:"iat"`
	Nbf      int64  `json:"nbf"`
	Exp      int64  `json:"exp"`
	AuthTime int64  `json:"auth_time,omitempty"`
	Name     string `json:"name,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Oid      string `json:"oid"`
	Username string `json:"preferred_username,omitempty"`
	Rh       string `json:"rh"`
	Sid      string `json:"sid,omitempty"`
	Sub      string `json:"sub"`
	Tid      string `json:"tid"`
	Uti      string `json:"uti"`
	Ver      string `json:"ver"`
}

// IssueID makes an id_token of version 2. It is no access token: it lacks what Verifier
// demands of one (`idtyp`, `appid` or `azp`).
func (i *Issuer) IssueID(r IDRequest) (secret.Text, error) {
	if r.Tenant == "" || r.Object == "" || r.Audience == "" || r.Subject == "" || r.Lifetime <= 0 || r.Lifetime > maxLifetime {
		return secret.Text{}, errors.New("token: Tenant, Object, Audience, Subject and Lifetime are needed")
	}
	kid, key, err := i.signer.Signer()
	if err != nil {
		return secret.Text{}, fmt.Errorf("issue id_token: %w", err)
	}
	var random [16]byte
	if _, err := io.ReadFull(i.rand, random[:]); err != nil {
		return secret.Text{}, fmt.Errorf("draw a token id: %w", err)
	}
	now := i.now().UTC().Truncate(time.Second)
	w := idWire{
		Aud: r.Audience, Iss: IssuerURL(i.authority, r.Tenant, V2), Iat: now.Add(-MaxSkew).Unix(), Nbf: now.Add(-MaxSkew).Unix(), Exp: now.Add(r.Lifetime).Unix(),
		Name: r.Name, Nonce: r.Nonce, Oid: string(r.Object), Username: r.UPN, Rh: "1.AA.", Sid: r.Session, Sub: r.Subject, Tid: string(r.Tenant),
		Uti: base64.RawURLEncoding.EncodeToString(random[:]), Ver: "2.0",
	}
	if !r.SignedIn.IsZero() {
		w.AuthTime = r.SignedIn.Unix()
	}
	payload, err := json.Marshal(w)
	if err != nil {
		return secret.Text{}, fmt.Errorf("encode claims: %w", err)
	}
	text, err := sign(jose(V2, kid), payload, key, i.rand)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(text), nil
}
