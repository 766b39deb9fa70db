package trust

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/federation/expression"
	"github.com/sealring/sealring/internal/federation/jwks"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/store"
)

// Failures with federated credentials.
var (
	// ErrFederatedNotFound is a name or id that names no federated credential of the owner.
	ErrFederatedNotFound = fault.New(fault.NotFound, "the federated identity credential does not exist")
	// ErrFederatedExists is a name that another federated credential of the owner has.
	ErrFederatedExists = fault.New(fault.Conflict, "a federated identity credential of this name exists already")
	// ErrFederatedPair is a pair of issuer and subject that the owner trusts already.
	ErrFederatedPair = fault.New(fault.Conflict, "another federated identity credential has this issuer and subject")
	// ErrFederatedLimit is one federated credential too many.
	ErrFederatedLimit = fault.New(fault.Invalid, "there are too many federated identity credentials")
	// ErrFederatedInvalid is a federated credential that breaks a rule of S-37.
	ErrFederatedInvalid = fault.New(fault.Invalid, "the federated identity credential is not valid")
)

// The bounds of federated credentials: maxFederated per owner where Config says nothing,
// the others in characters, maxKeySet in bytes.
const (
	maxFederated     = 1000
	maxFederatedText = 600
	maxKeySet        = 64 << 10
)

// federatedName is the rule for names (DT 2.5, CP §3.4).
var federatedName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{2,119}$`)

// FederatedCredential lets whoever shows an assertion of an outside issuer, for one subject
// and audience, sign in as an application or as a user-assigned identity. Issuer, subject
// and audience are compared byte for byte (S-37). Nothing is fetched when one is made.
type FederatedCredential struct {
	ID       id.Object
	Tenant   id.Tenant // of the owner
	App      id.App    // client id of the owner
	Name     string    // does not change; compared ignoring the case of letters
	Issuer   string
	Subject  string // "" only where Expression stands instead
	Audience string
	// Expression accepts several subjects (package expression); "" for none.
	Expression        string
	ExpressionVersion int // 1 with an Expression, else 0
	// KeySet is the issuer's JSON Web Key Set, for issuers that publish none where we could
	// fetch it; "" where it is to be fetched.
	KeySet      string
	Description string
	Created     time.Time // UTC, whole seconds, as Changed
	Changed     time.Time
}

// Existence says what a write expects to find.
type Existence int

// The expectations.
const (
	Either   Existence = iota // creates or replaces
	MustNot                   // creates
	MustHave                  // changes
)

// FederatedWrite is one write of a federated credential.
type FederatedWrite struct {
	Tenant id.Tenant
	App    id.App // client id of the owner: an application or a user-assigned identity
	Name   string // or, of one that exists, its id
	Expect Existence
	// Edit fills in what the credential says, on what is stored or on an empty one.
	Edit func(c *FederatedCredential) error
}

// WriteFederatedCredential creates or changes a federated credential; it reports whether it
// is new. Errors: directory.ErrApplicationNotFound for an owner that does not exist, ErrFederatedNotFound,
// ErrFederatedExists, ErrFederatedPair, ErrFederatedLimit, ErrFederatedInvalid, what Edit returns.
func (s *Service) WriteFederatedCredential(ctx context.Context, tx *store.Tx, w FederatedWrite) (FederatedCredential, bool, error) {
	if err := s.federatedOwner(ctx, tx, w.Tenant, w.App); err != nil {
		return FederatedCredential{}, false, err
	}
	all, err := federatedOf(ctx, tx, w.App)
	if err != nil {
		return FederatedCredential{}, false, err
	}
	stored, exists := findFederated(all, w.Name)
	switch {
	case exists && w.Expect == MustNot:
		return FederatedCredential{}, false, ErrFederatedExists.With("A federated identity credential with the name '%s' exists already.", stored.Name)
	case !exists && w.Expect == MustHave:
		return FederatedCredential{}, false, federatedNotFound(w.Name)
	case !exists && !federatedName.MatchString(w.Name):
		return FederatedCredential{}, false, ErrFederatedInvalid.With("The name of a federated identity credential has 3 to 120 letters, digits, hyphens and underscores, and starts with a letter or digit.")
	case !exists && len(all) >= s.limit:
		return FederatedCredential{}, false, ErrFederatedLimit.With("Too many federated identity credentials: an application or identity has at most %d.", s.limit)
	}
	now := s.now().UTC().Truncate(time.Second)
	c := stored
	if !exists {
		stored = FederatedCredential{ID: s.ids.Object(), Tenant: w.Tenant, App: w.App, Name: w.Name, Created: now}
	}
	if err := w.Edit(&c); err != nil {
		return FederatedCredential{}, false, err
	}
	c.ID, c.Tenant, c.App, c.Name, c.Created, c.Changed = stored.ID, stored.Tenant, stored.App, stored.Name, stored.Created, now
	if err := c.check(); err != nil {
		return FederatedCredential{}, false, err
	}
	for _, other := range all {
		if other.ID != c.ID && other.Issuer == c.Issuer && other.Subject == c.Subject && other.Expression == c.Expression {
			return FederatedCredential{}, false, ErrFederatedPair.With("The federated identity credential '%s' has this issuer and subject already; the pair must be unique.", other.Name)
		}
	}
	verb := "update"
	if !exists {
		verb = "create"
	}
	return c, !exists, s.putFederated(ctx, tx, c, verb)
}

// PutFederatedCredential is WriteFederatedCredential in a transaction of its own.
func (s *Service) PutFederatedCredential(ctx context.Context, w FederatedWrite) (c FederatedCredential, created bool, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		c, created, err = s.WriteFederatedCredential(ctx, tx, w)
		return err
	})
	return c, created, err
}

// RemoveFederatedCredential is DeleteFederatedCredential in a transaction of its own.
func (s *Service) RemoveFederatedCredential(ctx context.Context, tenant id.Tenant, app id.App, name string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return s.DeleteFederatedCredential(ctx, tx, tenant, app, name) })
}

// putFederated replaces the row of c, records it and notes it in the feed.
func (s *Service) putFederated(ctx context.Context, tx *store.Tx, c FederatedCredential, verb string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM directory_federated_credentials WHERE id = $1", string(c.ID)); err != nil {
		return fmt.Errorf("replace federated credential %s: %w", c.ID, err)
	}
	_, err := tx.Exec(ctx, `INSERT INTO directory_federated_credentials (id, tenant_id, app_id, name, name_key, issuer, subject, audience,
		description, expression, expression_version, key_set, created_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		string(c.ID), string(c.Tenant), string(c.App), c.Name, strings.ToLower(c.Name), c.Issuer, c.Subject, c.Audience,
		c.Description, c.Expression, c.ExpressionVersion, c.KeySet, c.Created.Unix(), c.Changed.Unix())
	if err != nil {
		return fmt.Errorf("write federated credential %s: %w", c.ID, err)
	}
	tx.Changed(Topic, string(c.App))
	return s.recordFederated(ctx, tx, c, verb)
}

// recordFederated appends the audit record of a write: it opens a door, so it is marked, with
// what stands in the door (S-49).
func (s *Service) recordFederated(ctx context.Context, tx *store.Tx, c FederatedCredential, verb string) error {
	details := map[string]string{
		"severity": "high", "app_id": string(c.App), "name": c.Name, "issuer": c.Issuer, "subject": c.Subject, "federated_audience": c.Audience,
	}
	if c.Expression != "" {
		details["expression"] = c.Expression
	}
	if c.KeySet != "" {
		details["key_set"] = "inline"
	}
	if w := c.Warning(); w != "" && verb != "delete" {
		details["warning"] = w
	}
	return s.record(ctx, tx, "directory.federatedCredential."+verb, string(c.ID), details)
}

// DeleteFederatedCredential removes a federated credential, named by name or id; from the
// commit on nobody signs in by it. Errors: directory.ErrApplicationNotFound, ErrFederatedNotFound.
func (s *Service) DeleteFederatedCredential(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App, name string) error {
	if err := s.federatedOwner(ctx, tx, tenant, app); err != nil {
		return err
	}
	all, err := federatedOf(ctx, tx, app)
	if err != nil {
		return err
	}
	c, ok := findFederated(all, name)
	if !ok {
		return federatedNotFound(name)
	}
	if _, err := tx.Exec(ctx, "DELETE FROM directory_federated_credentials WHERE id = $1", string(c.ID)); err != nil {
		return fmt.Errorf("delete federated credential %s: %w", c.ID, err)
	}
	tx.Changed(Topic, string(app))
	return s.recordFederated(ctx, tx, c, "delete")
}

// RemoveOwner removes all federated credentials of a managed identity that is deleted. Those
// of an application stay, dead, until it is purged: restoring it restores them.
func (s *Service) RemoveOwner(ctx context.Context, tx *store.Tx, app id.App) error {
	n, err := tx.Exec(ctx, "DELETE FROM directory_federated_credentials WHERE app_id = $1", string(app))
	if err != nil {
		return fmt.Errorf("delete federated credentials of %s: %w", app, err)
	}
	if n > 0 {
		tx.Changed(Topic, string(app))
	}
	return nil
}

// federatedOwner demands an application or a user-assigned identity of the tenant.
// Errors: directory.ErrApplicationNotFound.
func (s *Service) federatedOwner(ctx context.Context, tx *store.Tx, tenant id.Tenant, app id.App) error {
	var n int64
	_, err := tx.Get(ctx, `SELECT (SELECT COUNT(*) FROM directory_applications WHERE app_id = $1 AND tenant_id = $2 AND deleted_at = 0) +
		(SELECT COUNT(*) FROM directory_service_principals WHERE app_id = $1 AND tenant_id = $2 AND deleted_at = 0 AND kind = 'ManagedIdentity'
			AND alternative_names LIKE '%isExplicit=True%')`, []any{string(app), string(tenant)}, &n)
	if err != nil {
		return fmt.Errorf("find the owner %s of federated credentials: %w", app, err)
	}
	if n == 0 {
		return directory.ErrApplicationNotFound.With("application %s does not exist", app)
	}
	return nil
}

// findFederated finds a credential by name, ignoring the case of letters, or by id.
func findFederated(all []FederatedCredential, name string) (FederatedCredential, bool) {
	for _, c := range all {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	for _, c := range all {
		if strings.EqualFold(string(c.ID), name) {
			return c, true
		}
	}
	return FederatedCredential{}, false
}

// federatedNotFound says which credential is missing.
func federatedNotFound(name string) error {
	return ErrFederatedNotFound.With("The federated identity credential '%s' does not exist.", clipped(name))
}

// check applies the rules of S-37. Errors: ErrFederatedInvalid.
func (c *FederatedCredential) check() error {
	for _, f := range []struct{ name, text string }{{"issuer", c.Issuer}, {"subject", c.Subject}, {"audience", c.Audience}, {"description", c.Description}} {
		if !utf8.ValidString(f.text) || utf8.RuneCountInString(f.text) > maxFederatedText || strings.ContainsFunc(f.text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return ErrFederatedInvalid.With("The %s of a federated identity credential has at most %d characters, none of them a control character.", f.name, maxFederatedText)
		}
	}
	u, err := url.Parse(c.Issuer)
	switch {
	case c.Issuer == "":
		return ErrFederatedInvalid.With("The issuer of a federated identity credential is required.")
	case err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return ErrFederatedInvalid.With("The issuer '%s' of a federated identity credential is not an absolute URL.", c.Issuer)
	case u.Scheme != "https" && u.Scheme != "http":
		return ErrFederatedInvalid.With("The issuer '%s' of a federated identity credential does not begin with https://.", c.Issuer)
	case c.Audience == "":
		return ErrFederatedInvalid.With("A federated identity credential has exactly one audience; 'api://AzureADTokenExchange' is recommended.")
	case c.Subject == "" && c.Expression == "":
		return ErrFederatedInvalid.With("The subject of a federated identity credential is required.")
	case c.Subject != "" && c.Expression != "":
		return ErrFederatedInvalid.With("A federated identity credential has a subject or a claimsMatchingExpression, not both.")
	case c.Expression != "" && c.ExpressionVersion != expression.LanguageVersion:
		return ErrFederatedInvalid.With("The languageVersion of a claimsMatchingExpression is %d.", expression.LanguageVersion)
	case len(c.KeySet) > maxKeySet:
		return ErrFederatedInvalid.With("The key set of a federated identity credential has at most %d bytes.", maxKeySet)
	}
	if c.Expression == "" {
		c.ExpressionVersion = 0
	} else if _, err := expression.Parse(c.Expression); err != nil {
		return ErrFederatedInvalid.With("%s", fault.Message(err))
	}
	if c.KeySet == "" {
		return nil
	}
	if _, err := jwks.Parse([]byte(c.KeySet)); err != nil {
		return ErrFederatedInvalid.With("%s", fault.Message(err))
	}
	return nil
}

// sharedIssuers are issuers that serve everybody, whose subjects hold names that their owner
// can give up and another can take.
var sharedIssuers = []string{
	"https://token.actions.githubusercontent.com", "https://gitlab.com", "https://app.terraform.io", "https://api.bitbucket.org/", "https://oidc.circleci.com/",
}

// immutableID finds an id in a subject that no renaming changes.
var immutableID = regexp.MustCompile(`(^|[:/_-])(repository_id|repository_owner_id|project_id|namespace_id|org_id|workspace_id):[A-Za-z0-9-]+|@[0-9]+[:/]`)

// Warning says what is risky about trusting c, "" if nothing is known to be (S-37).
func (c *FederatedCredential) Warning() string {
	for _, s := range sharedIssuers {
		if strings.HasPrefix(c.Issuer, s) && !immutableID.MatchString(c.Subject) && !immutableID.MatchString(c.Expression) {
			return "The subject names an organisation or repository of a shared issuer by a name that can be given up and taken by somebody else. Prefer a subject with an immutable id."
		}
	}
	return ""
}
