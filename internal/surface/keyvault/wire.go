package keyvault

import (
	"encoding/json"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/vault"
)

// attributes are the attributes of a secret in answers.
type attributes struct {
	Enabled         bool   `json:"enabled"`
	NotBefore       *int64 `json:"nbf,omitempty"`
	Expires         *int64 `json:"exp,omitempty"`
	Created         int64  `json:"created"`
	Updated         int64  `json:"updated"`
	RecoveryLevel   string `json:"recoveryLevel"`
	RecoverableDays int    `json:"recoverableDays,omitempty"`
}

// bundle is a secret in answers; members that do not apply are absent.
type bundle struct {
	Value           *string           `json:"value,omitempty"`
	RecoveryID      string            `json:"recoveryId,omitempty"`
	DeletedDate     int64             `json:"deletedDate,omitempty"`
	ScheduledPurge  int64             `json:"scheduledPurgeDate,omitempty"`
	ContentType     string            `json:"contentType,omitempty"`
	ID              string            `json:"id"`
	Attributes      attributes        `json:"attributes"`
	Tags            map[string]string `json:"tags,omitzero"`
	PreviousVersion string            `json:"previousVersion,omitempty"`
}

// listing is a page of a collection.
type listing struct {
	Value    []bundle `json:"value"`
	NextLink *string  `json:"nextLink"`
}

// blob is a backup, in requests and answers.
type blob struct {
	Value string `json:"value"`
}

// form says which members of a secret an answer has.
type form struct{ value, version bool }

// bundleOf shows x in the version that the request asked for. Ids are built from the
// configured name (L-6).
func (c *call) bundleOf(x vault.Secret, f form) bundle {
	base := httpd.EntryFrom(c.ctx()).Base
	b := bundle{
		ContentType: x.ContentType, ID: base + "/secrets/" + x.Name, Tags: x.Tags,
		Attributes: attributes{
			Enabled: x.Enabled, NotBefore: x.NotBefore, Expires: x.Expires, Created: x.Created.Unix(), Updated: x.Updated.Unix(),
			RecoveryLevel: c.vault.RecoveryLevel(),
		},
	}
	if f.version {
		b.ID += "/" + x.Version
		if c.query.api.atLeast("2025-06-01-preview") {
			b.PreviousVersion = x.Previous
		}
	}
	if f.value {
		value := x.Value.Reveal()
		b.Value = &value
	}
	if c.query.api.atLeast("7.1") {
		b.Attributes.RecoverableDays = c.vault.RetentionDays
	}
	if !x.Deleted.IsZero() {
		b.RecoveryID = base + "/deletedsecrets/" + x.Name
		b.DeletedDate, b.ScheduledPurge = x.Deleted.Unix(), x.ScheduledPurge.Unix()
	}
	return b
}

// members are the members of a JSON object. Names are compared exactly (S-63); those that
// nobody takes are ignored.
type members map[string]json.RawMessage

// take decodes the member name into v and reports whether it is there and not null.
// Errors: httpd.ErrBadJSON.
func (m members) take(name string, v any) (bool, error) {
	raw, ok := m[name]
	if !ok || string(raw) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, httpd.ErrBadJSON.With("The member %q has the wrong type.", name)
	}
	return true, nil
}

// secretBody is the body of a set or update.
type secretBody struct {
	value  *string
	change vault.SecretChange
}

// readSecret reads the body of a set or update. Errors: httpd.ErrBadJSON, httpd.ErrTooLarge.
func (c *call) readSecret() (secretBody, error) {
	var all, attrs members
	if err := httpd.ReadJSON(c.r, &all); err != nil {
		return secretBody{}, err
	}
	var b secretBody
	if _, err := all.take("attributes", &attrs); err != nil {
		return secretBody{}, err
	}
	for _, want := range []struct {
		from members
		name string
		into any
	}{
		{all, "value", &b.value}, {all, "contentType", &b.change.ContentType}, {all, "tags", &b.change.Tags},
		{attrs, "enabled", &b.change.Enabled}, {attrs, "nbf", &b.change.NotBefore}, {attrs, "exp", &b.change.Expires},
	} {
		if _, err := want.from.take(want.name, want.into); err != nil {
			return secretBody{}, err
		}
	}
	return b, nil
}

// readBlob reads the body of a restoration. Errors: httpd.ErrBadJSON, httpd.ErrTooLarge,
// errParameter.
func (c *call) readBlob() (string, error) {
	var all members
	if err := httpd.ReadJSON(c.r, &all); err != nil {
		return "", err
	}
	var value string
	ok, err := all.take("value", &value)
	if err == nil && !ok {
		err = errParameter.With("The member value is required.")
	}
	return value, err
}
