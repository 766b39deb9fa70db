package sts

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/surface/sts/ask"
)

// client is a program that people sign in to.
type client struct {
	app  id.App
	name string
	// firstParty clients are known in every tenant, keep no secret, and need nobody's consent
	// to the built-in resources (DT-2.13).
	firstParty bool
	// public and web are the registered redirect URIs of a program that cannot keep a secret,
	// and of a site that can.
	public, web []string
	// fallback says that the client is public where no redirect URI is used (device codes).
	fallback bool
}

// toTheMachine is where the tools come back to: the machine the browser runs on.
var toTheMachine = []string{"http://localhost", "http://localhost/", "http://127.0.0.1", "http://127.0.0.1/"}

// firstParty are the programs that everybody has: Azure CLI, which is also what the Azure
// Identity libraries call themselves where no client id is given, and Azure PowerShell.
var firstParty = map[id.App]string{
	"04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Azure CLI",
	"1950a258-227b-4e31-a9cf-717495945fc2": "Azure PowerShell",
}

// redirects is where an application object keeps its redirect URIs.
type redirects struct {
	Public   uris  `json:"publicClient"`
	SPA      uris  `json:"spa"`
	Web      uris  `json:"web"`
	Fallback *bool `json:"isFallbackPublicClient"`
}

// uris is the member that holds them.
type uris struct {
	RedirectURIs []string `json:"redirectUris"`
}

// client finds the program of a client id, in the tenant of s where it is not known everywhere.
// Refusals: 900144, 700016, 7000112, 50059.
func (m *Room) client(ctx context.Context, s segment, text string) (client, error) {
	if text == "" {
		return client{}, fail(900144, "client_id")
	}
	app, err := id.ParseApp(text)
	if err != nil {
		return client{}, fail(700016, text)
	}
	if name, ok := firstParty[app]; ok {
		return client{app: app, name: name, firstParty: true, public: toTheMachine, fallback: true}, nil
	}
	if s.shared {
		return client{}, fail(700016, text) // registered in one tenant: name it
	}
	a, err := m.directory.Application(ctx, s.tenant.ID, app)
	if errors.Is(err, directory.ErrApplicationNotFound) {
		return client{}, fail(700016, text)
	}
	if err != nil {
		return client{}, err
	}
	sp, err := m.directory.ServicePrincipalByApp(ctx, s.tenant.ID, app)
	if errors.Is(err, directory.ErrServicePrincipalNotFound) {
		return client{}, fail(700016, text)
	}
	if err != nil {
		return client{}, err
	}
	if !sp.Enabled {
		return client{}, fail(7000112, text)
	}
	var r redirects
	if len(a.Profile) > 0 && json.Unmarshal(a.Profile, &r) != nil {
		r = redirects{} // an unreadable registration registers nothing
	}
	return client{
		app: app, name: a.DisplayName, public: append(slices.Clone(r.Public.RedirectURIs), r.SPA.RedirectURIs...), web: r.Web.RedirectURIs,
		fallback: r.Fallback != nil && *r.Fallback || len(r.Public.RedirectURIs) > 0,
	}, nil
}

// redirect says whether a redirect URI is one of the client's, character for character but
// for the port of a loopback address (S-73, RFC 8252 §7.3), and whether it belongs to a
// program that cannot keep a secret. Refusals: 900144, 50011.
func (c client) redirect(text string) (public bool, err error) {
	switch {
	case text == "":
		return false, fail(900144, "redirect_uri")
	case len(text) > 2048 || !ask.SafeRedirect(text):
		return false, fail(50011, text)
	case slices.ContainsFunc(c.public, func(r string) bool { return ask.SameRedirect(r, text) }):
		return true, nil
	case slices.ContainsFunc(c.web, func(r string) bool { return ask.SameRedirect(r, text) }):
		return false, nil
	}
	return false, fail(50011, text)
}
