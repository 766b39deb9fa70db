package appservice

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/localtoken"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/workload"
)

// ErrSwitchedOff is an app whose setting WEBSITE_DISABLE_MSI turns the endpoint off.
var ErrSwitchedOff = fault.New(fault.Invalid, "The managed identity endpoint is switched off for this app (WEBSITE_DISABLE_MSI).")

// versions are the api-versions of both dialects and the announced next one (TE §5.1).
var versions = map[string]bool{"2019-08-01": true, "2017-09-01": true, "2025-03-30": true}

// token answers with a token of the caller's app. Only the header secret may come without
// an api-version (TE §5.2).
func (room *Room) token(ctx context.Context, w http.ResponseWriter, query string, mayOmitVersion bool, caller workload.Caller) error {
	var p localtoken.Params
	if err := localtoken.ParseQuery(query, &p); err != nil { // S-5
		return err
	}
	req, err := parseToken(&p, mayOmitVersion)
	if err != nil {
		return err
	}
	host := caller.Workload.Resource
	if err := room.guard.Enter(caller.Workload); err != nil {
		return err
	}
	defer room.guard.Leave(caller.Workload)
	if room.switches != nil {
		off, err := room.switches.Disabled(ctx, host)
		if err != nil {
			return fmt.Errorf("read the settings of %s: %w", host, err)
		}
		if off {
			room.refusals.Record(ctx, "switched_off", host.String(), caller.Process)
			return ErrSwitchedOff
		}
	}
	minted, err := room.minter.Mint(ctx, managedidentity.Caller{Resource: host, Process: caller.Process}, req)
	if err != nil {
		httpd.Note(ctx, "resource_id", host.String()) // a token says it by its uti
		return err
	}
	if err := room.callers.Confirm(ctx, caller); err != nil {
		room.refusals.Record(ctx, "caller_ended", host.String(), caller.Process)
		return workload.ErrSecret
	}
	httpd.Note(ctx, "uti", minted.UTI)
	return room.answers.Write(w, &minted, req.Audience, req.Selector, room.now())
}

// parseToken reads the parameters of a token request; unknown ones are ignored.
func parseToken(p *localtoken.Params, mayOmitVersion bool) (managedidentity.Request, error) {
	if v := p.Get("api-version"); !versions[v] && (v != "" || !mayOmitVersion) {
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
		Audience: audience, Selector: selector, Dialect: managedidentity.AppService, Capabilities: p.Capabilities(),
	}, nil
}
