package vault

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/secret"
)

// Limits of a secret (RS §1.5.2).
const (
	MaxSecretValue       = 25 * 1024 // bytes of UTF-8
	MaxContentType       = 255       // characters
	MaxTags              = 15
	MaxTagText           = 512 // characters, of a name and of a value
	maxSecretName        = 127
	versionBytes         = 16 // written as 32 hexadecimal digits
	MaxPage              = 25 // items of a listing
	maxVersionsPerSecret = 10_000
)

// Failures that concern a secret.
var (
	// ErrSecretNotFound is a secret, or version, that does not exist or is soft-deleted.
	ErrSecretNotFound = fault.New(fault.NotFound, "a secret with this name was not found in this key vault")
	// ErrDeletedSecretNotFound is a name that is not among the soft-deleted ones.
	ErrDeletedSecretNotFound = fault.New(fault.NotFound, "Deleted Secret not found")
	// ErrSecretDisabled is a read of a disabled version.
	ErrSecretDisabled = fault.New(fault.Denied, "Operation get is not allowed on a disabled secret.")
	// ErrSecretDeleted is a write under the name of a soft-deleted secret.
	ErrSecretDeleted = fault.New(fault.Conflict, "the secret is currently in a deleted but recoverable state")
	// ErrSecretExists is a recovery or restoration onto a name in use.
	ErrSecretExists = fault.New(fault.Conflict, "a secret with this name exists already in this key vault")
	// ErrSecretName is a name that no secret can have.
	ErrSecretName = fault.New(fault.Invalid, "the secret name is not valid")
	// ErrSecretInvalid is a value or attribute beyond its limits.
	ErrSecretInvalid = fault.New(fault.Invalid, "the secret is not valid")
	// ErrBackupInvalid is a backup that was not made by this installation for this tenant
	// and subscription, or that was altered.
	ErrBackupInvalid = fault.New(fault.Invalid, "the backup is not valid for this key vault")
	// ErrTooManyVersions is a secret with more versions than are kept.
	ErrTooManyVersions = fault.New(fault.Denied, "the secret has too many versions")
)

// Secret is one version of a secret.
type Secret struct {
	Name    string // in its first spelling
	Version string
	// Value is set by SetSecret and GetSecret only.
	Value       secret.Text
	ContentType string // "" where none was given
	Tags        map[string]string
	Enabled     bool
	// NotBefore and Expires are Unix seconds as given; nil where absent. They inform and
	// are not enforced.
	NotBefore, Expires *int64
	Created, Updated   time.Time
	Previous           string // the version before this one; "" for the first
	// Deleted and ScheduledPurge are set for soft-deleted secrets only.
	Deleted, ScheduledPurge time.Time

	seq int64 // the position among the versions, from 1
}

// SecretChange is the body of a set or update. Nil members take their default (set) or
// leave what is there (update).
type SecretChange struct {
	ContentType        *string
	Tags               map[string]string // nil leaves; else replaces the whole map
	Enabled            *bool
	NotBefore, Expires *int64
}

// Page is part of a listing. Next is where the following one begins, "" on the last.
type Page struct {
	Items []Secret
	Next  string
}

// ValidSecretName reports whether s may name a secret: 1 to 127 letters, digits, hyphens.
func ValidSecretName(s string) bool {
	if s == "" || len(s) > maxSecretName {
		return false
	}
	for i := range len(s) {
		if !letter(s[i]) && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return true
}

// nameKey folds a name into the form that is stored and compared.
func nameKey(name string) []byte { return []byte(strings.ToLower(name)) }

// apply changes the attributes of x by c. Errors: ErrSecretInvalid.
func (c SecretChange) apply(x *Secret) error {
	if c.ContentType != nil {
		if utf8.RuneCountInString(*c.ContentType) > MaxContentType {
			return ErrSecretInvalid.With("The content type is longer than %d characters.", MaxContentType)
		}
		x.ContentType = *c.ContentType
	}
	if c.Tags != nil {
		if len(c.Tags) > MaxTags {
			return ErrSecretInvalid.With("A secret has at most %d tags.", MaxTags)
		}
		for k, v := range c.Tags {
			if utf8.RuneCountInString(k) > MaxTagText || utf8.RuneCountInString(v) > MaxTagText {
				return ErrSecretInvalid.With("The name or value of a tag is longer than %d characters.", MaxTagText)
			}
		}
		x.Tags = c.Tags
	}
	if c.Enabled != nil {
		x.Enabled = *c.Enabled
	}
	if c.NotBefore != nil {
		x.NotBefore = c.NotBefore
	}
	if c.Expires != nil {
		x.Expires = c.Expires
	}
	if x.NotBefore != nil && x.Expires != nil && *x.Expires <= *x.NotBefore {
		return ErrSecretInvalid.With("The expiry (exp) must be later than the start (nbf).")
	}
	return nil
}
