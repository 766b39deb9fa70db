package bearer

import (
	"net/http"

	"github.com/sealring/sealring/internal/id"
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
