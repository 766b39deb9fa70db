package workload

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/resource"
)

// kept is the file of Config.Keep: what a registry needs in order to know living processes
// again after a restart of the server. It holds no secret, only their digests.
type kept struct {
	Boot      string         `json:"boot"` // of the machine: start times count from there
	Workloads []keptWorkload `json:"workloads"`
}

// keptWorkload is one registration in the file.
type keptWorkload struct {
	Handle   string       `json:"handle"`
	Resource string       `json:"resource"`
	Kind     Kind         `json:"kind"`
	PID      int          `json:"pid"`
	Start    int64        `json:"start"`
	Expires  int64        `json:"expires,omitempty"` // seconds since 1970, UTC
	Secrets  []keptSecret `json:"secrets"`
}

// keptSecret is a secret that works.
type keptSecret struct {
	Digest string `json:"sha256"`          // hexadecimal
	Until  int64  `json:"until,omitempty"` // milliseconds since 1970, UTC; of a replaced one
}

// bootID names this run of the operating system; "" where start times are absolute anyway.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// restore reads the file. Processes that have ended since, registrations that have run out and
// files from before a reboot are left out. An unreadable file is an error: to go on without it
// would take their identities from running programs. Errors: ErrKept.
func (g *Registry) restore() error {
	text, err := os.ReadFile(g.keep)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var file kept
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return g.damaged(err.Error())
	}
	if file.Boot != bootID() {
		return nil
	}
	now := g.now()
	for _, k := range file.Workloads {
		host, err := resource.ParseID(k.Resource)
		if err != nil {
			return g.damaged(err.Error())
		}
		w := &Workload{Handle: k.Handle, Resource: host, Kind: k.Kind, PID: k.PID, Start: k.Start}
		if k.Expires != 0 {
			w.Expires = time.Unix(k.Expires, 0).UTC()
			w.deadline = now.Add(w.Expires.Sub(now))
		}
		if w.proc, err = pin(ref{k.PID, k.Start}); err != nil {
			continue // it has ended
		}
		g.byHandle[w.Handle] = w
		g.byRef[w.proc.ref] = append(g.byRef[w.proc.ref], w)
		for _, s := range k.Secrets {
			h := hold{workload: w}
			if s.Until != 0 {
				h.until = time.UnixMilli(s.Until).UTC()
			}
			var key [sha256.Size]byte
			if len(s.Digest) != hex.EncodedLen(len(key)) {
				return g.damaged("a digest is damaged")
			}
			if _, err := hex.Decode(key[:], []byte(s.Digest)); err != nil {
				return g.damaged("a digest is damaged")
			}
			g.bySecret[key] = h
		}
	}
	g.sweep()
	return nil
}

// damaged says why the file cannot be used, and the way out.
func (g *Registry) damaged(why string) error {
	return ErrKept.With("cannot read the registrations of running programs in %s (%s): remove the file, and start those programs again", g.keep, why)
}

// save writes the file, if there is to be one, by replacing it. No lock may be held.
func (g *Registry) save() error {
	if g.keep == "" {
		return nil
	}
	g.saving.Lock()
	defer g.saving.Unlock()
	text, err := json.Marshal(g.snapshot())
	if err != nil {
		return fmt.Errorf("keep the registrations: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(g.keep), ".workloads-*") // 0600
	if err != nil {
		return fmt.Errorf("keep the registrations: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone after the rename
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), g.keep)
	}
	if err != nil {
		return fmt.Errorf("keep the registrations: %w", err)
	}
	return nil
}

// snapshot is what save writes.
func (g *Registry) snapshot() kept {
	file := kept{Boot: bootID(), Workloads: []keptWorkload{}}
	g.mu.RLock()
	defer g.mu.RUnlock()
	secrets := map[*Workload][]keptSecret{}
	for key, h := range g.bySecret {
		s := keptSecret{Digest: hex.EncodeToString(key[:])}
		if !h.until.IsZero() {
			s.Until = h.until.UnixMilli()
		}
		secrets[h.workload] = append(secrets[h.workload], s)
	}
	for _, w := range g.byHandle {
		k := keptWorkload{Handle: w.Handle, Resource: w.Resource.String(), Kind: w.Kind, PID: w.PID, Start: w.Start, Secrets: secrets[w]}
		if !w.Expires.IsZero() {
			k.Expires = w.Expires.Unix()
		}
		file.Workloads = append(file.Workloads, k)
	}
	return file
}
