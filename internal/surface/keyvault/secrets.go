package keyvault

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/paging"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/vault"
)

// setSecret is PUT /secrets/{name}: a new version, always.
func (k *Room) setSecret(c *call) error {
	body, err := c.readSecret()
	if err != nil {
		return err
	}
	if body.value == nil {
		return errParameter.With("The member value is required.")
	}
	x, err := k.vaults.SetSecret(c.ctx(), c.vault, c.name, secret.New(*body.value), body.change)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{value: true, version: true}))
}

// getSecret is GET /secrets/{name} and GET /secrets/{name}/{version}.
func (k *Room) getSecret(c *call) error {
	x, err := k.vaults.GetSecret(c.ctx(), c.vault, c.name, c.version)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{value: true, version: true}))
}

// updateSecret is PATCH /secrets/{name} and PATCH /secrets/{name}/{version}.
func (k *Room) updateSecret(c *call) error {
	body, err := c.readSecret()
	if err != nil {
		return err
	}
	x, err := k.vaults.UpdateSecret(c.ctx(), c.vault, c.name, c.version, body.change)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{version: true}))
}

// deleteSecret is DELETE /secrets/{name}.
func (k *Room) deleteSecret(c *call) error {
	x, err := k.vaults.DeleteSecret(c.ctx(), c.vault, c.name)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{version: true}))
}

// backupSecret is POST /secrets/{name}/backup.
func (k *Room) backupSecret(c *call) error {
	text, err := k.vaults.BackupSecret(c.ctx(), c.vault, c.name)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, blob{Value: text.Reveal()})
}

// restoreSecret is POST /secrets/restore.
func (k *Room) restoreSecret(c *call) error {
	value, err := c.readBlob()
	if err != nil {
		return err
	}
	x, err := k.vaults.RestoreSecret(c.ctx(), c.vault, secret.New(value))
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{version: true}))
}

// listSecrets is GET /secrets.
func (k *Room) listSecrets(c *call) error {
	return k.list(c, "/secrets", form{}, func(after string) (vault.Page, error) {
		return k.vaults.ListSecrets(c.ctx(), c.vault, after, c.query.max)
	})
}

// listVersions is GET /secrets/{name}/versions.
func (k *Room) listVersions(c *call) error {
	return k.list(c, "/secrets/"+url.PathEscape(c.name)+"/versions", form{version: true}, func(after string) (vault.Page, error) {
		return k.vaults.ListSecretVersions(c.ctx(), c.vault, c.name, after, c.query.max)
	})
}

// list answers with the page of a collection that the request asked for, and the sealed
// link to the next one.
func (k *Room) list(c *call, path string, f form, read func(after string) (vault.Page, error)) error {
	q := paging.Query{Tenant: c.principal.Tenant, Caller: c.principal.Object, What: []string{"keyvault", c.vault.UID, path}}
	after := ""
	if c.query.skipToken != "" {
		var err error
		if after, err = k.pages.Position(c.ctx(), q, c.query.skipToken); err != nil {
			return err
		}
	}
	page, err := read(after)
	if err != nil {
		return err
	}
	answer := listing{Value: make([]bundle, 0, len(page.Items))}
	for _, x := range page.Items {
		answer.Value = append(answer.Value, c.bundleOf(x, f))
	}
	if page.Next != "" {
		skip, err := k.pages.Make(c.ctx(), q, page.Next)
		if err != nil {
			return err
		}
		link := httpd.EntryFrom(c.ctx()).Base + path + "?api-version=" + url.QueryEscape(c.query.api.text) +
			"&$skiptoken=" + skip + "&maxresults=" + strconv.Itoa(c.query.max)
		answer.NextLink = &link
	}
	return httpd.WriteJSON(c.w, http.StatusOK, answer)
}
