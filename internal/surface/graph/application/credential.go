package application

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/registration"
	"github.com/sealring/sealring/internal/surface/graph/api"
	"github.com/sealring/sealring/internal/surface/graph/model"
)

// passwordRequest is the body of addPassword.
type passwordRequest struct {
	Password struct {
		DisplayName string     `json:"displayName"`
		Start       *time.Time `json:"startDateTime"`
		End         *time.Time `json:"endDateTime"`
	} `json:"passwordCredential"`
}

// newSecret is what the directory is asked for.
func (b passwordRequest) newSecret(now time.Time) (directory.NewSecret, error) {
	n := directory.NewSecret{DisplayName: b.Password.DisplayName}
	start := now
	if b.Password.Start != nil {
		start = *b.Password.Start
		n.Start = start
	}
	if b.Password.End != nil {
		n.Lifetime = b.Password.End.Sub(start)
		if n.Lifetime <= 0 {
			return n, api.ErrRequest.With("Credential lifetime is not valid: endDateTime is not after startDateTime.")
		}
	}
	if len([]rune(n.DisplayName)) > 256 {
		return n, api.ErrRequest.With("The displayName of a password credential has up to 256 characters.")
	}
	return n, nil
}

// passwordAnswer is a client secret with its value: the only answer that shows it.
type passwordAnswer struct {
	Context string `json:"@odata.context"`
	model.PasswordCredential
}

// addPassword serves POST /applications/{id}/addPassword.
func (a *area) addPassword(w http.ResponseWriter, r *api.Request) error {
	reg, err := a.registrationOf(r)
	if err != nil {
		return err
	}
	return a.addSecret(w, r, reg.App)
}

// addSecret makes a client secret of an application.
func (a *area) addSecret(w http.ResponseWriter, r *api.Request, app id.App) error {
	var body passwordRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	if err := a.Guard(r, app); err != nil {
		return err
	}
	n, err := body.newSecret(r.Room.Now())
	if err != nil {
		return err
	}
	made, value, err := a.Registrations.AddSecret(r.Context(), r.Tenant(), app, n)
	if err != nil {
		return err
	}
	answer := passwordAnswer{Context: r.URLBase() + "/$metadata#microsoft.graph.passwordCredential", PasswordCredential: model.Password(made)}
	text := value.Reveal()
	answer.SecretText = &text
	return httpd.WriteJSON(w, http.StatusOK, answer)
}

// keyRequest is the body of removePassword and removeKey.
type keyRequest struct {
	KeyID string `json:"keyId"`
	Proof string `json:"proof"` // removeKey; who may change the application needs none here
}

// removeCredential serves POST /applications/{id}/removePassword and removeKey.
func (a *area) removeCredential(w http.ResponseWriter, r *api.Request) error {
	reg, err := a.registrationOf(r)
	if err != nil {
		return err
	}
	return a.removeKeyOf(w, r, reg.App)
}

// removeKeyOf ends a credential of an application.
func (a *area) removeKeyOf(w http.ResponseWriter, r *api.Request, app id.App) error {
	var body keyRequest
	if err := r.Into(&body); err != nil {
		return err
	}
	if err := a.Guard(r, app); err != nil {
		return err
	}
	err := a.Registrations.RemoveCredential(r.Context(), r.Tenant(), app, strings.ToLower(body.KeyID))
	if errors.Is(err, directory.ErrCredentialNotFound) {
		return api.ErrRequest.With("No credential found to be removed with keyId '%s'.", api.Clipped(body.KeyID))
	}
	if err != nil {
		return err
	}
	return api.NoContent(w)
}

// appOfPrincipal is the application of a service principal whose credentials are asked for.
// A managed identity has none (DT-85). Errors: registration.ErrManaged.
func (a *area) appOfPrincipal(r *api.Request) (id.App, error) {
	sp, err := a.principalOf(r)
	if err != nil {
		return "", err
	}
	if sp.Kind == directory.KindManagedIdentity || directory.Builtin(sp.App) {
		return "", registration.ErrManaged.With("Updates to this service principal are not allowed: it is managed by the platform.")
	}
	return sp.App, nil
}

// addPrincipalPassword serves POST /servicePrincipals/{id}/addPassword.
func (a *area) addPrincipalPassword(w http.ResponseWriter, r *api.Request) error {
	app, err := a.appOfPrincipal(r)
	if err != nil {
		return err
	}
	return a.addSecret(w, r, app)
}

// removePrincipalPassword serves POST /servicePrincipals/{id}/removePassword and removeKey.
func (a *area) removePrincipalPassword(w http.ResponseWriter, r *api.Request) error {
	app, err := a.appOfPrincipal(r)
	if err != nil {
		return err
	}
	return a.removeKeyOf(w, r, app)
}
