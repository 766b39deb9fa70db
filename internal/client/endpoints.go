package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sealring/sealring/internal/fault"
)

// FileName is the name of the endpoints document in the data directory.
const FileName = "endpoints.json"

// ErrNotRunning means that no platform serves the data directory.
var ErrNotRunning = fault.New(fault.Unavailable, "the platform is not running")

// Endpoints is endpoints.json (design.md §5): where a running platform answers.
// URLs have no trailing slash; suffixes are host[:port] without a leading dot.
type Endpoints struct {
	TenantID        string `json:"tenant_id"`
	SubscriptionID  string `json:"subscription_id"`
	Domain          string `json:"domain"`
	AuthorityHost   string `json:"authority_host"`
	ResourceManager string `json:"resource_manager"`
	Graph           string `json:"graph"`
	Portal          string `json:"portal"`
	Local           string `json:"local"`
	Proxy           string `json:"proxy"`
	Node            string `json:"node"`
	IMDS            string `json:"imds"`
	CAFile          string `json:"ca_file"`
	VaultSuffix     string `json:"vault_suffix"`
	BlobSuffix      string `json:"blob_suffix"`
	SQLSuffix       string `json:"sql_suffix"`
	AdminClientID   string `json:"admin_client_id"`
	AdminSecretFile string `json:"admin_secret_file"`
	NodeSocket      string `json:"node_socket"`
	Ops             string `json:"ops,omitempty"` // address of health and profiles; "" where they are off
	PID             int    `json:"pid"`
}

// DefaultDir is the data directory when none is named: SEALRING_DATA, else
// $XDG_DATA_HOME/sealring, else ~/.local/share/sealring (design.md §5).
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("SEALRING_DATA"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sealring"), nil
	}
	home := getenv("HOME")
	if home == "" {
		return "", fault.New(fault.Invalid, "no data directory: neither --data, SEALRING_DATA, XDG_DATA_HOME nor HOME is set")
	}
	return filepath.Join(home, ".local", "share", "sealring"), nil
}

// ReadEndpoints reads dir/endpoints.json and checks that the process it names is alive.
// Errors: ErrNotRunning, with the way out in its sentence.
func ReadEndpoints(dir string) (Endpoints, error) {
	path := filepath.Join(dir, FileName)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Endpoints{}, ErrNotRunning.With("no platform is running on %s: start one with `sealring up%s`, or name its directory with --data or SEALRING_DATA", dir, dataFlag(dir))
	case err != nil:
		return Endpoints{}, ErrNotRunning.With("cannot read %s: %v", path, errors.Unwrap(err))
	}
	var e Endpoints
	if err := json.Unmarshal(data, &e); err != nil {
		return Endpoints{}, ErrNotRunning.With("%s is damaged (%v): stop the platform and start `sealring up%s` again", path, err, dataFlag(dir))
	}
	if err := e.check(); err != nil {
		return Endpoints{}, ErrNotRunning.With("%s: %v: start `sealring up%s` again", path, err, dataFlag(dir))
	}
	if !alive(e.PID) {
		return Endpoints{}, ErrNotRunning.With("the platform on %s is not running: process %d is gone and left %s behind; start it with `sealring up%s`", dir, e.PID, FileName, dataFlag(dir))
	}
	return e, nil
}

// dataFlag is the flag that names dir in a command a person may copy.
func dataFlag(dir string) string {
	if strings.ContainsAny(dir, " \t'\"$") {
		return " --data '" + strings.ReplaceAll(dir, "'", `'\''`) + "'"
	}
	return " --data " + dir
}

// check reports the first value without which nothing works.
func (e Endpoints) check() error {
	for _, v := range []struct{ key, value string }{
		{"tenant_id", e.TenantID}, {"subscription_id", e.SubscriptionID}, {"domain", e.Domain}, {"local", e.Local},
		{"authority_host", e.AuthorityHost}, {"resource_manager", e.ResourceManager}, {"ca_file", e.CAFile},
	} {
		if v.value == "" {
			return fmt.Errorf("%q is missing", v.key)
		}
	}
	if u, err := url.Parse(e.Local); err != nil || u.Scheme != "https" || u.Port() == "" {
		return fmt.Errorf("%q is not https://localhost:PORT", "local")
	}
	if e.PID <= 0 {
		return fmt.Errorf("%q is missing", "pid")
	}
	return nil
}

// alive reports whether a process with this pid exists, whoever owns it.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// TLSAddress is the loopback address of the TLS listener, for example "127.0.0.1:8443".
func (e Endpoints) TLSAddress() string {
	u, err := url.Parse(e.Local)
	if err != nil {
		return ""
	}
	return "127.0.0.1:" + u.Port()
}

// WriteEndpoints writes dir/endpoints.json atomically, mode 0600.
func WriteEndpoints(dir string, e Endpoints) error {
	data, err := json.MarshalIndent(e, "", " ")
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	file, err := os.CreateTemp(dir, "."+FileName+"-*") // 0600
	if err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone after the rename
	if _, err := file.Write(append(data, '\n')); err != nil {
		return errors.Join(fmt.Errorf("write endpoints: %w", err), file.Close())
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	if err := os.Rename(file.Name(), filepath.Join(dir, FileName)); err != nil {
		return fmt.Errorf("write endpoints: %w", err)
	}
	return nil
}

// RemoveEndpoints removes dir/endpoints.json; that it is gone already is no error.
func RemoveEndpoints(dir string) error {
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove endpoints: %w", err)
	}
	return nil
}
