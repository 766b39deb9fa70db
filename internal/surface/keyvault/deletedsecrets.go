package keyvault

import (
	"net/http"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/vault"
)

// getDeleted is GET /deletedsecrets/{name}.
func (k *Room) getDeleted(c *call) error {
	x, err := k.vaults.GetDeletedSecret(c.ctx(), c.vault, c.name)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{version: true}))
}

// listDeleted is GET /deletedsecrets.
func (k *Room) listDeleted(c *call) error {
	return k.list(c, "/deletedsecrets", form{}, func(after string) (vault.Page, error) {
		return k.vaults.ListDeletedSecrets(c.ctx(), c.vault, after, c.query.max)
	})
}

// purgeSecret is DELETE /deletedsecrets/{name}. It answers 204: on 200 the official clients
// raise an error (RS §1.3).
func (k *Room) purgeSecret(c *call) error {
	if err := k.vaults.PurgeSecret(c.ctx(), c.vault, c.name); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// recoverSecret is POST /deletedsecrets/{name}/recover.
func (k *Room) recoverSecret(c *call) error {
	x, err := k.vaults.RecoverSecret(c.ctx(), c.vault, c.name)
	if err != nil {
		return err
	}
	return httpd.WriteJSON(c.w, http.StatusOK, c.bundleOf(x, form{version: true}))
}
