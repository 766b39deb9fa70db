package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/sealring/sealring/internal/secret"
)

// Workload is a process to be registered as an instance of a resource (L-10, L-11).
type Workload struct {
	ResourceID string
	PID        int
	StartTime  int64         // what names the process for good beside its pid: launch.StartTime
	TTL        time.Duration // 0: as long as the process lives
}

// Registration is what a registered workload may use until Expires or its end.
type Registration struct {
	IdentityEndpoint string
	IdentityHeader   secret.Text
	IMDSEndpoint     string
	Handle           string
	Expires          time.Time // zero when it ends with the process
}

// registerBody is the request of POST /node/v1/workloads.
type registerBody struct {
	ResourceID string `json:"resource_id"`
	PID        int    `json:"pid"`
	StartTime  int64  `json:"start_time"`
	TTLSeconds int64  `json:"ttl_seconds,omitempty"`
}

// registerAnswer is its answer.
type registerAnswer struct {
	IdentityEndpoint string `json:"identity_endpoint"`
	IdentityHeader   string `json:"identity_header"`
	IMDSEndpoint     string `json:"imds_endpoint"`
	Handle           string `json:"handle"`
	ExpiresAt        string `json:"expires_at"`
}

// Register tells the node half which process is an instance of which resource, over the
// unix socket that only the owner of the data directory can open. Errors: *Error, ErrUnreachable.
func (c *Client) Register(ctx context.Context, w Workload) (Registration, error) {
	if c.at.NodeSocket == "" {
		return Registration{}, ErrUnreachable.With("the platform names no node socket: start `sealring up` of this version")
	}
	body, err := json.Marshal(registerBody{ResourceID: w.ResourceID, PID: w.PID, StartTime: w.StartTime, TTLSeconds: int64(w.TTL / time.Second)})
	if err != nil {
		return Registration{}, fmt.Errorf("register process %d: %w", w.PID, err)
	}
	resp, err := c.node(ctx, http.MethodPost, "/node/v1/workloads", body)
	if err != nil {
		return Registration{}, fmt.Errorf("register process %d: %w", w.PID, err)
	}
	var a registerAnswer
	if err := json.Unmarshal(resp.Body, &a); err != nil {
		return Registration{}, fmt.Errorf("register process %d: read the answer: %w", w.PID, err)
	}
	r := Registration{IdentityEndpoint: a.IdentityEndpoint, IdentityHeader: secret.New(a.IdentityHeader), IMDSEndpoint: a.IMDSEndpoint, Handle: a.Handle}
	if a.ExpiresAt != "" {
		if r.Expires, err = time.Parse(time.RFC3339, a.ExpiresAt); err != nil {
			return Registration{}, fmt.Errorf("register process %d: expires_at: %w", w.PID, err)
		}
	}
	return r, nil
}

// node makes one call on the node socket.
func (c *Client) node(ctx context.Context, method, path string, body []byte) (Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://node"+path, bytes.NewReader(body))
	if err != nil {
		return Response{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Content-Type", "application/json")
	over := &Client{at: c.at, http: &http.Client{Timeout: callTimeout, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", c.at.NodeSocket)
		}}}}
	over.at.Local = c.at.NodeSocket
	return over.send(req)
}
