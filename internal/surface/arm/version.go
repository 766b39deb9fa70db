package arm

import (
	"net/url"
	"regexp"

	"github.com/sealring/sealring/internal/fault"
)

// Failures of the api-version parameter (CP §2.4).
var (
	// ErrNoVersion is a request without an api-version.
	ErrNoVersion = fault.New(fault.Invalid, "The api-version query parameter (?api-version=) is required for all requests.")
	// ErrVersion is an api-version that is not a date.
	ErrVersion = fault.New(fault.Invalid, "The api-version is invalid.")
)

// versionForm is the grammar of CP §2.4.
var versionForm = regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])(-(preview|alpha|beta|privatepreview|rc))?$`)

// version returns the api-version of a query whose names are folded. Errors: ErrNoVersion, ErrVersion.
func version(query url.Values) (string, error) {
	v := fold(query.Get("api-version"))
	if v == "" {
		return "", ErrNoVersion
	}
	if !versionForm.MatchString(v) {
		return "", ErrVersion.With("The api-version '%s' is invalid. The supported versions are dates of the form 'YYYY-MM-DD', with or without '-preview'.", clip(v))
	}
	return v, nil
}

// clip caps what a client sent before it is said back.
func clip(s string) string {
	const limit = 128
	if len(s) > limit {
		return s[:limit]
	}
	return s
}
