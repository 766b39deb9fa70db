// Package integrity looks for damage in everything that an installation holds: the database
// by its engine, objects that belong together, keys and secrets by opening them, the audit
// log. It changes nothing and may look while a server runs.
package integrity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/pki"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/vault"
)

// Report is what Check found, part by part, in the order of looking.
type Report struct {
	Intact bool   `json:"intact"`
	Parts  []Part `json:"parts"`
}

// Part is one part of an installation that was looked at.
type Part struct {
	// Part is database, objects, keys, secrets or audit.
	Part string `json:"part"`
	// Looked says in words what was looked at: "SQLite 3.51.3".
	Looked string `json:"looked"`
	// Problems are what is wrong, each in a sentence; none means that the part is sound.
	Problems []string `json:"problems"`
}

// mostProblems bounds what is reported of one part.
const mostProblems = 100

// verifier checks the audit log; *audit.Checkpoints is one.
type verifier interface {
	Verify(ctx context.Context, exported io.Reader) (audit.Report, error)
}

// Config names what is looked at; all of it is needed.
type Config struct {
	Store  *store.DB
	Sealer *seal.Sealer
	Audit  *audit.Log
	Log    *slog.Logger
	Now    func() time.Time
	Rand   io.Reader
	// Records is the audit log with its checkpoints.
	Records verifier
	// Keys opens the signing keys.
	Keys func(ctx context.Context) (*keyring.Keyring, error)
	// Domain is the installation's.
	Domain string
}

// Check looks at everything. An error means that looking failed; damage is in the report.
func Check(ctx context.Context, c Config) (Report, error) {
	if c.Store == nil || c.Sealer == nil || c.Audit == nil || c.Log == nil || c.Now == nil || c.Rand == nil || c.Records == nil || c.Keys == nil || c.Domain == "" {
		return Report{}, errors.New("integrity: Store, Sealer, Audit, Log, Now, Rand, Records, Keys and Domain are needed")
	}
	r := Report{Intact: true}
	for _, part := range []struct {
		name string
		look func(context.Context) (string, []string, error)
	}{
		{"database", c.Store.Check}, {"objects", c.checkHalves}, {"keys", c.checkKeys}, {"secrets", c.checkSecrets}, {"audit", c.checkAudit},
	} {
		looked, problems, err := part.look(ctx)
		switch {
		case errors.Is(err, store.ErrCorrupt):
			problems = append(problems, said(err))
		case err != nil:
			return r, fmt.Errorf("check %s: %w", part.name, err)
		}
		if n := len(problems); n > mostProblems {
			problems = append(problems[:mostProblems], fmt.Sprintf("and %d more", n-mostProblems))
		}
		r.Intact = r.Intact && len(problems) == 0
		r.Parts = append(r.Parts, Part{part.name, looked, append([]string{}, problems...)})
	}
	return r, nil
}

// checkHalves finds objects whose other half is missing, all in one state of the store.
func (c Config) checkHalves(ctx context.Context) (looked string, problems []string, err error) {
	err = c.Store.Inspect(ctx, func(tx *store.Tx) error {
		for _, h := range halves {
			err := tx.Query(ctx, func(r store.Row) error {
				var name string
				if err := r.Scan(&name); err != nil {
					return fmt.Errorf("scan a name: %w", err)
				}
				problems = append(problems, h.what+": "+name)
				return nil
			}, h.query)
			if err != nil {
				return fmt.Errorf("look for %s: %w", h.what, err)
			}
		}
		return nil
	})
	return fmt.Sprintf("%d rules about what belongs together", len(halves)), problems, err
}

// checkKeys opens the signing keys and the certificate authorities; that the data keys open
// was seen when the installation was opened.
func (c Config) checkKeys(ctx context.Context) (looked string, problems []string, err error) {
	signing := 0
	keys, err := c.Keys(ctx)
	if err == nil {
		list, listed := keys.List(ctx)
		signing, err = len(list), listed
	}
	if err != nil {
		problems = append(problems, said(err))
	}
	var authorities int64
	err = c.Store.View(ctx, func(tx *store.Tx) error {
		_, err := tx.Get(ctx, "SELECT COUNT(*) FROM authorities", nil, &authorities)
		return err
	})
	switch {
	case err != nil:
		return "", problems, err
	case authorities == 0: // opening would make them
		problems = append(problems, "the certificate authorities are gone")
	default:
		_, err := pki.New(ctx, pki.Config{Store: c.Store, Sealer: c.Sealer, Domain: c.Domain, Now: c.Now, Rand: c.Rand})
		if err != nil {
			problems = append(problems, said(err))
		}
	}
	return fmt.Sprintf("%d signing keys, %d certificate authorities", signing, authorities), problems, nil
}

// checkSecrets opens what vaults hold.
func (c Config) checkSecrets(ctx context.Context) (looked string, problems []string, err error) {
	vaults, err := vault.New(vault.Config{Store: c.Store, Audit: c.Audit, Sealer: c.Sealer, Log: c.Log, Now: c.Now, Rand: c.Rand, IDs: id.NewSource(c.Rand)})
	if err != nil {
		return "", nil, err
	}
	opened, broken, err := vaults.CheckSealed(ctx)
	for _, b := range broken {
		problems = append(problems, "a secret does not open: "+b)
	}
	return fmt.Sprintf("%d versions of secrets", opened), problems, err
}

// checkAudit verifies the log, without checkpoints from elsewhere.
func (c Config) checkAudit(ctx context.Context) (looked string, problems []string, err error) {
	r, err := c.Records.Verify(ctx, nil)
	var records int64
	for _, chain := range r.Chains {
		records += chain.Last - chain.First + 1
	}
	for _, p := range r.Problems {
		problems = append(problems, p.Error())
	}
	if err == nil && !r.Intact && len(problems) == 0 {
		problems = append(problems, "the audit log is not intact: see `sealring audit verify`")
	}
	return fmt.Sprintf("%d records in %d chains, %d checkpoints", records, len(r.Chains), r.Checkpoints), problems, err
}

// said is what an error says to the owner of the installation: its sentence, or all of it.
func said(err error) string {
	if m := fault.Message(err); m != "" {
		return m
	}
	return err.Error()
}
