package imds

import (
	"net/http"

	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/managedidentity"
)

// token answers with a token of the calling process's machine (TE §4.1). Who is calling
// is asked of the kernel before the minter is, and again before the token is written (S-8).
func (room *Room) token(w http.ResponseWriter, r *http.Request, p *localtoken.Params) error {
	req, err := parseToken(p)
	if err != nil {
		return err
	}
	ctx := actor(r)
	caller, err := room.callers.ByContext(ctx)
	if err != nil {
		room.refusals.Record(ctx, "unknown_caller", "", caller.Process)
		return err
	}
	if err := room.guard.Enter(caller.Workload); err != nil {
		return err
	}
	defer room.guard.Leave(caller.Workload)
	minted, err := room.minter.Mint(ctx, managedidentity.Caller{Resource: caller.Workload.Resource, Process: caller.Process}, req)
	if err != nil {
		httpd.Note(ctx, "resource_id", caller.Workload.Resource.String()) // a token says it by its uti
		return err
	}
	if err := room.callers.Confirm(ctx, caller); err != nil {
		room.refusals.Record(ctx, "caller_changed", caller.Workload.Resource.String(), caller.Process)
		return err
	}
	httpd.Note(ctx, "uti", minted.UTI)
	return room.answers.Write(w, &minted, req.Audience, req.Selector, room.now())
}

// parseToken reads the parameters of a token request. Unknown ones are ignored, also
// `authority` and `bypass_cache`, which change nothing here (TE §4.1).
func parseToken(p *localtoken.Params) (managedidentity.Request, error) {
	if !tokenVersion(p.Get("api-version")) {
		return managedidentity.Request{}, localtoken.ErrVersion
	}
	audience := p.Get("resource")
	if audience == "" {
		return managedidentity.Request{}, localtoken.ErrNoResource
	}
	selector, err := p.Selector()
	if err != nil {
		return managedidentity.Request{}, err
	}
	return managedidentity.Request{
		Audience: audience, Selector: selector, Dialect: managedidentity.IMDS, Capabilities: p.Capabilities(),
	}, nil
}
