package bearer

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/token"
)

// ChallengeVault writes the challenge of Key Vault in the one spelling that all its clients
// read (RS 1.2.2): authority without a trailing slash, resource the parent of the vault's
// host with its port. Both come from configuration (S-41).
func ChallengeVault(h http.Header, authority string, tenant id.Tenant, resource string) {
	h.Set("WWW-Authenticate", `Bearer authorization="`+authority+"/"+string(tenant)+`", resource="`+resource+`"`)
}

// ChallengeManagement writes the challenge of Resource Manager and Graph (CP 1.8). The code
// is one of RFC 6750 section 3.1, the description a sentence; quotes in it are dropped.
func ChallengeManagement(h http.Header, authority string, tenant id.Tenant, code, description string) {
	h.Set("WWW-Authenticate", `Bearer authorization_uri="`+authority+"/"+string(tenant)+`", error="`+quotable(code)+
		`", error_description="`+quotable(description)+`"`)
}

// stale is ErrRevoked with the time from which on tokens are accepted.
type stale struct{ from time.Time }

// Error implements error.
func (s *stale) Error() string { return ErrRevoked.Error() }

// Unwrap serves errors.Is.
func (s *stale) Unwrap() error { return ErrRevoked }

// ChallengeFresh writes the challenge that has clients ask for a newer token, past their
// caches, and try once more (RS 1.2.3, CP 1.8): where all tokens of a principal were revoked,
// and where the key of the token was. Programs then go on by themselves instead of failing
// until the token they hold expires. It reports false, with nothing written, where a newer
// token would not help.
func ChallengeFresh(h http.Header, authority string, err error) bool {
	since := ""
	if s, ok := errors.AsType[*stale](err); ok {
		since = `,"value":"` + strconv.FormatInt(s.from.Unix(), 10) + `"`
	} else if !errors.Is(err, token.ErrRevokedKey) {
		return false
	}
	claims := base64.StdEncoding.EncodeToString([]byte(`{"access_token":{"nbf":{"essential":true` + since + `}}}`))
	h.Set("WWW-Authenticate", `Bearer realm="", authorization_uri="`+authority+`/common/oauth2/authorize", error="insufficient_claims", claims="`+claims+`"`)
	return true
}

// quotable drops what may not stand in a quoted string of a header.
func quotable(s string) string {
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; c >= 0x20 && c < 0x7f && c != '"' && c != '\\' {
			out = append(out, c)
		}
	}
	return string(out)
}
