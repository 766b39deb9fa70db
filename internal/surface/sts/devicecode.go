package sts

import (
	"errors"
	"net/http"
	"time"

	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/httpd"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/signin"
	"github.com/sealring/sealring/internal/surface/sts/aadsts"
	"github.com/sealring/sealring/internal/surface/sts/limit"
	"github.com/sealring/sealring/internal/surface/sts/page"
)

// pollInterval is how often clients should ask, in seconds.
const pollInterval = 5

// deviceAnswer is the answer of the device authorization endpoint (RFC 8628 §3.2).
type deviceAnswer struct {
	UserCode     string `json:"user_code"`
	DeviceCode   string `json:"device_code"`
	Verification string `json:"verification_uri"`
	ExpiresIn    int    `json:"expires_in"` // seconds
	Interval     int    `json:"interval"`   // seconds
	Message      string `json:"message"`
}

// deviceAnswerV1 is that of version 1: another name for the address, numbers as texts.
type deviceAnswerV1 struct {
	UserCode     string `json:"user_code"`
	DeviceCode   string `json:"device_code"`
	Verification string `json:"verification_url"`
	ExpiresIn    string `json:"expires_in"`
	Interval     string `json:"interval"`
	Message      string `json:"message"`
}

// deviceCode serves the device authorization endpoint.
func (m *Room) deviceCode(w http.ResponseWriter, r *http.Request, tenant string) error {
	a, err := m.startDevice(r, tenant)
	if err != nil {
		return err
	}
	noStore(w.Header())
	return httpd.WriteJSON(w, http.StatusOK, a)
}

// deviceCodeV1 serves that of version 1.
func (m *Room) deviceCodeV1(w http.ResponseWriter, r *http.Request, tenant string) error {
	a, err := m.startDevice(r, tenant)
	if err != nil {
		return err
	}
	noStore(w.Header())
	return httpd.WriteJSON(w, http.StatusOK, deviceAnswerV1{
		UserCode: a.UserCode, DeviceCode: a.DeviceCode, Verification: a.Verification, ExpiresIn: "900", Interval: "5", Message: a.Message,
	})
}

// startDevice reads a request for a device code and makes one.
func (m *Room) startDevice(r *http.Request, tenant string) (deviceAnswer, error) {
	ctx := r.Context()
	if wait := m.devices.Take(limit.Network(r.RemoteAddr)); wait > 0 {
		return deviceAnswer{}, failure{Code: aadsts.Busy, Retry: wait}
	}
	form, err := readForm(r)
	if err != nil {
		return deviceAnswer{}, err
	}
	s, err := m.resolve(ctx, tenant)
	if err != nil {
		return deviceAnswer{}, err
	}
	c, err := m.client(ctx, s, form.Get("client_id"))
	if err != nil {
		return deviceAnswer{}, err
	}
	if !c.fallback {
		return deviceAnswer{}, fail(7000218, string(c.app))
	}
	scope := form.Get("scope")
	if scope == "" && form.Get("resource") != "" {
		scope = form.Get("resource") + "/.default openid offline_access"
	}
	wanted, err := readWish(scope)
	if err != nil {
		return deviceAnswer{}, err
	}
	device := signin.Device{Client: c.app, Scope: wanted.Text}
	if !s.shared {
		device.Tenant = s.tenant.ID
	}
	code, user, err := m.signin.StartDevice(ctx, device)
	if err != nil {
		return deviceAnswer{}, err
	}
	at := m.entryAuthority(ctx) + "/device"
	if httpd.EntryFrom(ctx).Public {
		at = m.authority + "/device" // in the person's browser the public name is not ours
	}
	return deviceAnswer{
		UserCode: user, DeviceCode: code.Reveal(), Verification: at, ExpiresIn: int(signin.DeviceLife / time.Second), Interval: pollInterval,
		Message: "To sign in, use a web browser to open the page " + at + " and enter the code " + user + " to authenticate.",
	}, nil
}

// devicePurpose binds the forms of the device page.
const devicePurpose = "device"

// devicePage is where a person enters the code of another device. They sign in first: guesses
// are counted by person, so nobody can guess for others (S-73).
func (m *Room) devicePage(w http.ResponseWriter, r *http.Request, _ string) error {
	shared := segment{text: organizations, shared: true}
	session, user, err := m.session(r, shared)
	if err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		if user.ID == "" {
			return m.showDevice(w, r, "signin", page.View{Title: "Sign in", Client: "connect another device"})
		}
		return m.showDevice(w, r, "code", page.View{Title: "Enter the code", Username: user.UPN})
	}
	f, err := m.readProved(r, devicePurpose)
	if err != nil {
		return err
	}
	switch do := f.Get("do"); {
	case do == "cancel":
		return m.pages.Write(w, http.StatusOK, "done", page.View{Title: "Cancelled", Text: "Nothing was changed. You can close this window."})
	case do == "signin" || do == "change":
		return m.deviceSignIn(w, r, shared, f)
	case user.ID == "":
		return m.showDevice(w, r, "signin", page.View{Title: "Sign in", Error: "The session has ended. Sign in again."})
	case do == "code":
		return m.deviceConfirm(w, r, user, f.Get("code"))
	}
	return m.deviceDecide(w, r, session, user, f)
}

// deviceSignIn takes name and password and goes on to the code.
func (m *Room) deviceSignIn(w http.ResponseWriter, r *http.Request, s segment, f form) error {
	user, again, err := m.check(r, s, client{name: "device code page"}, f)
	if err != nil {
		return err
	}
	if again.name != "" {
		return m.showDevice(w, r, again.name, again.view)
	}
	if _, err := m.startSession(w, r, user, true); err != nil { // on localhost, too, until the decision
		return err
	}
	return m.showDevice(w, r, "code", page.View{Title: "Enter the code", Username: user.UPN})
}

// deviceConfirm looks a code up and asks whether the person started this.
func (m *Room) deviceConfirm(w http.ResponseWriter, r *http.Request, u directory.User, code string) error {
	if m.guesses.Spent(u.ID) {
		return m.showDevice(w, r, "code", page.View{Title: "Enter the code", Username: u.UPN, Error: "Too many wrong codes. Try again in 15 minutes."})
	}
	d, err := m.signin.WaitingDevice(r.Context(), code)
	if errors.Is(err, signin.ErrUserCode) || err == nil && d.Tenant != "" && d.Tenant != u.Tenant {
		m.guesses.Wrong(u.ID)
		return m.showDevice(w, r, "code", page.View{Title: "Enter the code", Username: u.UPN, Error: "The code is wrong or has expired."})
	}
	if err != nil {
		return err
	}
	c, err := m.deviceClient(r, u, d)
	if err != nil {
		return err
	}
	v := page.View{Title: "Is this you?", Username: u.UPN, Client: c.name, Action: "/device"}
	if err := m.forms.Prove(w, r, &v, devicePurpose, code); err != nil {
		return err
	}
	return m.pages.Write(w, http.StatusOK, "confirm", v)
}

// deviceClient is the program that waits for a device code.
func (m *Room) deviceClient(r *http.Request, u directory.User, d signin.Device) (client, error) {
	tenant, err := m.directory.Tenant(r.Context(), u.Tenant)
	if err != nil {
		return client{}, err
	}
	return m.client(r.Context(), segment{text: string(tenant.ID), tenant: tenant}, string(d.Client))
}

// deviceDecide approves or declines. The code comes from the form's proved part.
func (m *Room) deviceDecide(w http.ResponseWriter, r *http.Request, s signin.Session, u directory.User, f form) error {
	approve := f.Get("do") == "approve"
	d, err := m.signin.WaitingDevice(r.Context(), f.flow)
	if err != nil {
		return err
	}
	if approve {
		c, err := m.deviceClient(r, u, d)
		if err != nil {
			return err
		}
		wanted, err := readWish(d.Scope)
		if err != nil {
			return err
		}
		if _, _, err := m.granted(r.Context(), u, c, wanted); err != nil {
			return m.recordUserRefusal(r, u, u.Tenant, c, "interactive", err)
		}
	}
	err = m.signin.DecideDevice(r.Context(), f.flow, signin.Grant{
		Tenant: u.Tenant, User: u.ID, Epoch: u.Epoch, Session: s.ID, SignedIn: s.SignedIn,
	}, approve)
	if err != nil {
		return err
	}
	if m.onLocalhost(r.Context()) { // see session
		if err := m.signin.EndSession(r.Context(), secret.New(page.ReadCookie(r, sessionCookie))); err != nil {
			return err
		}
		http.SetCookie(w, page.Cookie(sessionCookie, ""))
	}
	if !approve {
		return m.pages.Write(w, http.StatusOK, "done", page.View{Title: "Cancelled", Text: "The other device was not signed in. You can close this window."})
	}
	return m.pages.Write(w, http.StatusOK, "done", page.View{Title: "You are signed in", Text: "Go back to your other device or terminal. You can close this window."})
}

// showDevice answers with a page of the device flow.
func (m *Room) showDevice(w http.ResponseWriter, r *http.Request, name string, v page.View) error {
	v.Action = "/device"
	if err := m.forms.Prove(w, r, &v, devicePurpose, ""); err != nil {
		return err
	}
	status := http.StatusOK
	if v.Error != "" {
		status = http.StatusBadRequest
	}
	return m.pages.Write(w, status, name, v)
}

// A person may enter this many wrong codes, and again after this long (S-73).
const (
	mostGuesses  = 5
	guessesReset = 15 * time.Minute
)

// deviceRate is how many device codes one address may ask for; nobody has signed in yet.
var deviceRate = limit.Rate{Burst: 60, Interval: 5 * time.Second}
