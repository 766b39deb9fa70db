package page

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// formCookie holds what the proofs in forms are bound to.
const formCookie = "__Host-sealring-form"

// maxCookie is the longest value of a cookie that is looked at.
const maxCookie = 128

// Cookie is a cookie of ours; an empty value takes it back. The name begins with __Host-, so
// that browsers refuse it from other hosts and over plain HTTP (S-74).
func Cookie(name, value string) *http.Cookie {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// ReadCookie returns the value of a cookie; "" if the browser sent none, or several.
func ReadCookie(r *http.Request, name string) string {
	all := r.CookiesNamed(name)
	if len(all) != 1 || len(all[0].Value) > maxCookie {
		return ""
	}
	return all[0].Value
}

// hasher makes keyed hashes, the same for ever and on every replica.
type hasher interface {
	MAC(purpose string, data []byte) []byte
}

// Forms proves that a form that comes back is ours: bound to the browser by a cookie, to the
// page by a purpose, and to what it carries through. It is safe for concurrent use.
type Forms struct {
	hash hasher
	rand io.Reader
}

// NewForms returns Forms that key their proofs with h.
func NewForms(h hasher, rand io.Reader) (*Forms, error) {
	if h == nil || rand == nil {
		return nil, errors.New("page: a hasher and randomness are needed")
	}
	return &Forms{hash: h, rand: rand}, nil
}

// proof is what a form carries.
func (f *Forms) proof(cookie, purpose, flow string) string {
	mac := f.hash.MAC("sts form", []byte(strconv.Itoa(len(cookie))+"."+cookie+strconv.Itoa(len(purpose))+"."+purpose+flow))
	return base64.RawURLEncoding.EncodeToString(mac)
}

// Prove fills in what makes a page's form ours, and sets the cookie it is bound to.
func (f *Forms) Prove(w http.ResponseWriter, r *http.Request, v *View, purpose, flow string) error {
	value := ReadCookie(r, formCookie)
	if value == "" {
		raw := make([]byte, 32)
		if _, err := io.ReadFull(f.rand, raw); err != nil {
			return fmt.Errorf("draw a cookie: %w", err)
		}
		value = base64.RawURLEncoding.EncodeToString(raw)
		http.SetCookie(w, Cookie(formCookie, value))
	}
	v.Flow, v.Token = flow, f.proof(value, purpose, flow)
	return nil
}

// Proved reports whether a form with these fields came from a page of ours in the same
// browser: the browser says same-origin, and the token fits cookie, purpose and flow. Old
// browsers that send no Sec-Fetch-Site must name the authority as Origin.
func (f *Forms) Proved(r *http.Request, authority, purpose, flow, token string) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	same := site == "same-origin" || site == "" && strings.EqualFold(origin, authority)
	held := ReadCookie(r, formCookie)
	return same && held != "" && hmac.Equal([]byte(token), []byte(f.proof(held, purpose, flow)))
}
