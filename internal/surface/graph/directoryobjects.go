package graph

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/id"
)

// maxIDs is how many ids one getByIds may hold (DT-94).
const maxIDs = 1000

// idsRequest is the body of getByIds. No types means all.
type idsRequest struct {
	IDs   []string `json:"ids"`
	Types []string `json:"types"`
}

// wantsPrincipals reports whether service principals are among the types asked for.
func (b idsRequest) wantsPrincipals() bool {
	return len(b.Types) == 0 || slices.ContainsFunc(b.Types, func(t string) bool {
		return strings.EqualFold(t, "servicePrincipal") || strings.EqualFold(t, "directoryObject")
	})
}

// getByIDs serves POST /directoryObjects/getByIds: ids that are unknown, or of another
// tenant, are left out.
func (m *Room) getByIDs(w http.ResponseWriter, r *request) error {
	var body idsRequest
	if err := httpd.ReadJSON(r.Request, &body); err != nil {
		return err
	}
	if len(body.IDs) == 0 || len(body.IDs) > maxIDs {
		return errRequest.With("The property ids must hold between 1 and %d ids.", maxIDs)
	}
	answer := collection{Context: m.entry(r.Request).Graph + "/" + r.version + "/$metadata#directoryObjects", Value: []entity{}}
	for _, text := range body.IDs {
		object, err := id.ParseObject(text)
		if err != nil {
			return errRequest.With("Invalid object identifier '%s'.", clipped(text))
		}
		sp, err := m.directory.ServicePrincipal(r.Context(), r.caller.Tenant, object)
		if isNotFound(err) || err == nil && !body.wantsPrincipals() {
			continue
		}
		if err != nil {
			return err
		}
		answer.Value = append(answer.Value, entity{
			sp: sp, properties: properties, annotations: []annotation{{"@odata.type", "#microsoft.graph.servicePrincipal"}},
		})
	}
	return httpd.WriteJSON(w, http.StatusOK, answer)
}

// isNotFound reports a service principal that the caller's tenant does not have.
func isNotFound(err error) bool { return errors.Is(err, directory.ErrServicePrincipalNotFound) }
