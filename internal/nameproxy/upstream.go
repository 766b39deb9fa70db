package nameproxy

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// onward connects to a name outside: through the next proxy where there is one for it,
// else directly. An address that is never dialled is not asked of the next proxy either.
func (p *Proxy) onward(ctx context.Context, host string, port int) (net.Conn, error) {
	if p.next == nil {
		return p.dialOutside(ctx, host, port)
	}
	target := net.JoinHostPort(host, strconv.Itoa(port))
	via, err := p.next(&url.URL{Scheme: "https", Host: target})
	if err != nil {
		return nil, fmt.Errorf("the next proxy is not understood: %w", err)
	}
	if via == nil {
		return p.dialOutside(ctx, host, port)
	}
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	if a, err := netip.ParseAddr(host); err == nil && !allowed(a) || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return nil, errForbiddenAddress
	}
	return p.connectVia(ctx, via, target)
}

// connectVia asks the proxy at via for a tunnel to target.
func (p *Proxy) connectVia(ctx context.Context, via *url.URL, target string) (net.Conn, error) {
	if via.Scheme != "http" {
		return nil, fmt.Errorf("the next proxy %s is not http://", via.Redacted())
	}
	at := via.Host
	if via.Port() == "" {
		at = net.JoinHostPort(via.Hostname(), "80")
	}
	c, err := p.dial(ctx, "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("the next proxy: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: target}, Host: target, Header: http.Header{}}
	if via.User != nil {
		password, _ := via.User.Password()
		request.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(via.User.Username()+":"+password)))
	}
	reader := bufio.NewReaderSize(c, 4<<10)
	var answer *http.Response
	if err = request.Write(c); err == nil {
		answer, err = http.ReadResponse(reader, request) //nolint:bodyclose // the tunnel is what follows the header
	}
	switch {
	case err != nil:
		err = fmt.Errorf("the next proxy: %w", err)
	case answer.StatusCode != http.StatusOK:
		err = fmt.Errorf("the next proxy answered %s", answer.Status)
	case reader.Buffered() > 0:
		err = errors.New("the next proxy sent data before it was asked") // TLS clients speak first
	case !stop():
		err = ctx.Err()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}
