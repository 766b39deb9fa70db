package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/secret"
)

// Limits of one call.
const (
	callTimeout = 60 * time.Second
	maxAnswer   = 64 << 20
)

var (
	// ErrUnreachable means that the platform is said to run but does not answer.
	ErrUnreachable = fault.New(fault.Unavailable, "the platform does not answer")
	// ErrNotOurs is a URL that the platform does not serve; no token is sent there.
	ErrNotOurs = fault.New(fault.Invalid, "not a name of this platform")
	// ErrNoSecret means that the administrator's secret cannot be read.
	ErrNoSecret = fault.New(fault.Denied, "the administrator's secret cannot be read")
)

// TokenSource returns an access token for an audience, for example "https://vault.azure.net".
type TokenSource func(ctx context.Context, audience string) (secret.Text, error)

// Client calls a running platform. It is safe for concurrent use.
type Client struct {
	at    Endpoints
	http  *http.Client
	admin tokenCache
}

// New reads the CA of the platform e describes and returns a client for it. Nothing is
// called yet. Errors: ErrNotRunning when the CA cannot be read.
func New(e Endpoints) (*Client, error) {
	pem, err := os.ReadFile(e.CAFile)
	if err != nil {
		return nil, ErrNotRunning.With("cannot read the platform's certificates %s: %v", e.CAFile, errors.Unwrap(err))
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, ErrNotRunning.With("%s holds no certificate", e.CAFile)
	}
	c := &Client{at: e}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	c.http = &http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				host, _, err := net.SplitHostPort(address)
				if err != nil || !e.Serves(host) {
					return nil, fmt.Errorf("%s is not a name of this platform", address)
				}
				return dialer.DialContext(ctx, network, e.TLSAddress())
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Open finds the platform of dir and returns a client for it. Errors: ErrNotRunning.
func Open(dir string) (*Client, error) {
	e, err := ReadEndpoints(dir)
	if err != nil {
		return nil, err
	}
	return New(e)
}

// Endpoints says where the platform answers.
func (c *Client) Endpoints() Endpoints { return c.at }

// Serves reports whether host is localhost or a name in the platform's domain.
func (e Endpoints) Serves(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == "localhost" || strings.HasSuffix(host, "."+strings.ToLower(e.Domain))
}

// Request is one call. Body may be nil; ContentType defaults to JSON when there is a body.
type Request struct {
	Method      string
	URL         string
	Body        []byte
	ContentType string
	// Token authorises the call; nil sends none.
	Token TokenSource
	// Audience is what Token is asked for; "" means the audience of the URL's service.
	Audience string
}

// Response is an answer with a status below 400. Its body is complete.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do makes one call to a name of the platform. Errors: *Error for an answer of 400 and
// above, ErrUnreachable when there is none.
func (c *Client) Do(ctx context.Context, r Request) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(string(r.Body)))
	if err != nil {
		return Response{}, ErrNotOurs.With("%q is not a URL", r.URL)
	}
	if req.URL.Scheme != "https" || !c.at.Serves(req.URL.Hostname()) {
		return Response{}, ErrNotOurs.With("%s is not a name of this platform; its names are https://localhost and *.%s", r.URL, c.at.Domain)
	}
	if r.Body != nil {
		req.Header.Set("Content-Type", orText(r.ContentType, "application/json"))
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sealring-cli")
	if r.Token != nil {
		audience := orText(r.Audience, c.at.Audience(req.URL))
		token, err := r.Token(ctx, audience)
		if err != nil {
			return Response{}, err
		}
		req.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	return c.send(req)
}

// send makes the call and reads the answer whole.
func (c *Client) send(req *http.Request) (Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return Response{}, unreachable(req.Context(), c.at.Local, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Response{}, unreachable(req.Context(), c.at.Local, err)
	}
	if resp.StatusCode >= 400 {
		return Response{}, wireError(req, resp, body)
	}
	return Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// unreachable explains a call without an answer.
func unreachable(ctx context.Context, where string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return ErrUnreachable.With("the platform at %s does not answer: %v; see what `sealring up` says, or start it again", where, err)
}

// orText returns s, or fallback when s is empty.
func orText(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
