package web

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// publisher is what one would publish an app with. It leads nowhere: apps run elsewhere.
type publisher struct {
	Name     string `json:"publishingUserName"`
	Password string `json:"publishingPassword"`
	URI      string `json:"scmUri"`
}

// publisher returns the credentials of an app, which are made when they are first asked for.
func (p *webProvider) publisher(ctx context.Context, app resource.ID) (publisher, error) {
	if _, err := p.Resources.Get(ctx, app); err != nil {
		return publisher{}, err
	}
	_, repository := p.hostOf(app)
	fresh := publisher{Name: "$" + strings.ReplaceAll(app.FullName(), "/slots/", "__"), Password: p.IDs.Text() + p.IDs.Text(), URI: "https://" + repository}
	raw, err := p.keep(ctx, app.Child("config", "publishingcredentials"), func(stored json.RawMessage) json.RawMessage {
		if stored != nil {
			return stored
		}
		return tracked.Encode(fresh)
	})
	if err != nil {
		return publisher{}, err
	}
	var out publisher
	err = tracked.Decode(tracked.Encode(map[string]json.RawMessage{"of": raw})).Into("of", &out)
	return out, err
}

// publishingCredentials answers with them; that it did is on record first.
func (p *webProvider) publishingCredentials(ctx context.Context, r *arm.Request) (arm.Response, error) {
	who, err := p.publisher(ctx, r.Target.Parent())
	if err == nil {
		err = p.noteReading(ctx, r)
	}
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, tracked.Encode(who)))
}

// xmlProfiles is a list of publishing profiles.
type xmlProfiles struct {
	XMLName  xml.Name     `xml:"publishData"`
	Profiles []xmlProfile `xml:"publishProfile"`
}

// xmlProfile is one publishing profile.
type xmlProfile struct {
	Name     string `xml:"profileName,attr"`
	Method   string `xml:"publishMethod,attr"`
	URL      string `xml:"publishUrl,attr"`
	Site     string `xml:"msdeploySite,attr"`
	User     string `xml:"userName,attr"`
	Password string `xml:"userPWD,attr"`
	App      string `xml:"destinationAppUrl,attr"`
}

// publishXML answers with publishing profiles: az asks for them behind every create.
func (p *webProvider) publishXML(ctx context.Context, r *arm.Request) (arm.Response, error) {
	who, err := p.publisher(ctx, r.Target)
	if err == nil {
		err = p.noteReading(ctx, r)
	}
	if err != nil {
		return arm.Response{}, err
	}
	host, repository := p.hostOf(r.Target)
	name := r.Target.Name()
	profile := xmlProfile{Name: name + " - Web Deploy", Method: "MSDeploy", URL: repository + ":443", Site: name, User: who.Name, Password: who.Password, App: "https://" + host}
	ftp := profile
	ftp.Name, ftp.Method, ftp.URL = name+" - FTP", "FTP", "ftps://"+repository+"/site/wwwroot"
	text, err := xml.Marshal(xmlProfiles{Profiles: []xmlProfile{profile, ftp}})
	if err != nil {
		return arm.Response{}, err
	}
	return arm.Response{Status: http.StatusOK, XML: string(text)}, nil
}

// allowance says whether an app may be published to with a password.
type allowance struct {
	Allow bool `json:"allow"`
}

// getPolicy answers whether a way of publishing with a password is allowed; it is, until
// somebody says otherwise.
func (p *webProvider) getPolicy(ctx context.Context, r *arm.Request) (arm.Response, error) {
	props, err := p.kept(ctx, r.Target)
	if err != nil {
		return arm.Response{}, err
	}
	if props == nil {
		props = tracked.Encode(allowance{true})
	}
	return arm.OK(newConfig(r.Target, props))
}

// putPolicy allows or forbids a way of publishing with a password.
func (p *webProvider) putPolicy(ctx context.Context, r *arm.Request) (arm.Response, error) {
	sent, err := r.Properties()
	if err != nil {
		return arm.Response{}, err
	}
	allow := allowance{true}
	if err := sent.Into("allow", &allow.Allow); err != nil {
		return arm.Response{}, err
	}
	props, err := p.keep(ctx, r.Target, replaced(tracked.Encode(allow)))
	if err != nil {
		return arm.Response{}, err
	}
	return arm.OK(newConfig(r.Target, props))
}

// listPolicies answers with both ways.
func (p *webProvider) listPolicies(ctx context.Context, r *arm.Request) (arm.Response, error) {
	page := arm.OnePage[tracked.Resource]{}
	for _, way := range []string{"ftp", "scm"} {
		at := r.Target.Child("basicPublishingCredentialsPolicies", way)
		props, err := p.kept(ctx, at)
		if err != nil {
			return arm.Response{}, err
		}
		if props == nil {
			props = tracked.Encode(allowance{true})
		}
		page.Value = append(page.Value, newConfig(at, props))
	}
	return arm.OK(page)
}
