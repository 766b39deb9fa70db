package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/store"
)

// ErrBroken is a log in which something was changed, removed or put in.
var ErrBroken = fault.New(fault.Precondition, "the audit chain is broken")

// Report is what Verify found.
type Report struct {
	Intact      bool        `json:"intact"`
	Chains      []Chain     `json:"chains"`
	Checkpoints int64       `json:"checkpoints"`
	Newest      *Checkpoint `json:"newest_checkpoint,omitempty"`
	// Exported counts the lines of the file that were compared; Torn those that a crash cut.
	Exported int        `json:"exported,omitempty"`
	Torn     int        `json:"torn,omitempty"`
	Problems []*Problem `json:"problems,omitempty"`
}

// Chain is what is there of one server's records.
type Chain struct {
	Server  string `json:"server"`
	First   int64  `json:"first"` // greater than 1 where retention removed older ones
	Last    int64  `json:"last"`
	Records int64  `json:"records"`
	// Unsigned counts the records after the newest checkpoint: they are chained, and cutting
	// them off would not show.
	Unsigned int64 `json:"unsigned"`
	// Closed says that the server's last checkpoint is that of a clean stop and nothing
	// follows. Otherwise it runs, or it ended without stopping.
	Closed bool `json:"closed"`
}

// Checkpoint names a checkpoint.
type Checkpoint struct {
	Number int64  `json:"number"`
	At     string `json:"at"` // RFC 3339, UTC
	Server string `json:"server"`
	Reason string `json:"reason"`
}

// Problem is the first thing that is wrong with a chain, or with the checkpoints.
type Problem struct {
	Server     string `json:"server,omitempty"`
	Record     int64  `json:"record,omitempty"`     // 0 if it concerns a checkpoint
	Checkpoint int64  `json:"checkpoint,omitempty"` // 0 if it concerns a record
	What       string `json:"what"`
}

// Error says it in a sentence.
func (p *Problem) Error() string {
	switch {
	case p.Record > 0:
		return fmt.Sprintf("record %d of %s: %s", p.Record, p.Server, p.What)
	case p.Checkpoint > 0:
		return fmt.Sprintf("checkpoint %d: %s", p.Checkpoint, p.What)
	}
	return p.What
}

// verification is one run of Verify, in one consistent view of the store.
type verification struct {
	tx     *store.Tx
	keys   map[string]ed25519.PublicKey
	report Report
	newest statement          // the newest checkpoint that holds
	claims map[string][]claim // by server, in order
	bodies map[int64][]byte   // sums of the checkpoints that hold
	oldest int64              // the first checkpoint there is
	closed map[string]bool    // servers whose last checkpoint is that of a stop
}

// Verify checks every checkpoint and every record, and compares them with exported
// checkpoints (lines as File gets them; nil for none). What is wrong is in the report; the
// error is for what kept it from looking.
func (c *Checkpoints) Verify(ctx context.Context, exported io.Reader) (r Report, err error) {
	err = c.Log.db.View(ctx, func(tx *store.Tx) (err error) {
		r, err = c.verify(ctx, tx, exported)
		return err
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify the audit log: %w", err)
	}
	return r, nil
}

// verify is Verify in a transaction.
func (c *Checkpoints) verify(ctx context.Context, tx *store.Tx, exported io.Reader) (r Report, err error) {
	v := verification{tx: tx, claims: map[string][]claim{}, bodies: map[int64][]byte{}, closed: map[string]bool{}}
	if v.keys, _, err = c.keys(ctx, tx); err != nil {
		return r, err
	}
	if err := v.checkpoints(ctx); err != nil {
		return r, err
	}
	if exported != nil {
		if err := v.compare(exported); err != nil {
			return r, err
		}
	}
	names, err := servers(ctx, tx, v.newest)
	if err != nil {
		return r, err
	}
	for _, server := range names {
		if err := v.chain(ctx, server); err != nil {
			return r, err
		}
	}
	v.report.Intact = len(v.report.Problems) == 0
	return v.report, nil
}

// problem notes p.
func (v *verification) problem(p *Problem) { v.report.Problems = append(v.report.Problems, p) }

// checkpoints checks signatures and order of all checkpoints and collects what they claim.
func (v *verification) checkpoints(ctx context.Context) error {
	var last signed
	ended := false // one does not hold; those behind it are not looked at
	err := v.eachCheckpoint(ctx, func(number int64, s signed, what string) {
		if ended {
			return
		}
		if what == "" && last.Body != "" && (number != last.Number+1 || !bytes.Equal(s.Previous, last.sum())) {
			what = fmt.Sprintf("it does not follow checkpoint %d", last.Number)
		}
		if what != "" {
			ended = true
			v.problem(&Problem{Checkpoint: number, What: what})
			return
		}
		if last.Body == "" {
			v.oldest = number
		}
		last = s
		v.take(s)
	})
	if err != nil {
		return err
	}
	v.newest = last.statement
	switch {
	case ended:
	case last.Body == "":
		v.problem(&Problem{What: "the store holds no signed checkpoint: either no server was started on it since it has a log, or they were removed"})
	case v.oldest != last.Oldest:
		v.problem(&Problem{Checkpoint: last.Oldest, What: fmt.Sprintf("it is missing, and checkpoint %d says that it is kept", last.Number)})
	}
	if last.Body != "" {
		v.report.Newest = &Checkpoint{Number: last.Number, At: last.At.Format(time.RFC3339), Server: last.Server, Reason: last.Reason}
	}
	return nil
}

// eachCheckpoint reads all checkpoints in order and says what is wrong with each by itself.
func (v *verification) eachCheckpoint(ctx context.Context, do func(number int64, s signed, what string)) error {
	for from := int64(0); ; {
		n := 0
		err := v.tx.Query(ctx, func(r store.Row) error {
			var number, at int64
			var s signed
			var signature []byte
			var server, reason string
			if err := r.Scan(&number, &at, &server, &reason, &s.Body, &signature); err != nil {
				return fmt.Errorf("scan audit checkpoint: %w", err)
			}
			s.Signature = signature
			n, from = n+1, number+1
			what := ""
			if err := s.check(v.keys); err != nil {
				what = fault.Message(err)
			} else if s.Number != number || s.At.Unix() != at || s.Server != server || s.Reason != reason {
				what = "what is kept beside its text does not match its text"
			}
			do(number, s, what)
			return nil
		}, "SELECT number, at, server, reason, body, signature FROM audit_checkpoints WHERE number >= $1 ORDER BY number LIMIT $2", from, pageRecords)
		if err != nil || n < pageRecords {
			return err
		}
	}
}

// take collects what a checkpoint that holds claims.
func (v *verification) take(s signed) {
	v.report.Checkpoints++
	v.bodies[s.Number] = s.sum()
	v.closed[s.Server] = s.Reason == madeAtStop
	for _, m := range s.Chains {
		list := v.claims[m.Server]
		if len(list) == 0 || list[len(list)-1].seq < m.Last {
			v.claims[m.Server] = append(list, claim{m.Last, m.Hash, s.Number})
		}
	}
}

// chain walks the records of one server.
func (v *verification) chain(ctx context.Context, server string) error {
	w := walk{server: server, claims: v.claims[server]}
	m, known := v.newest.mark(server)
	if known {
		w.last, w.head = m.First-1, m.Before
	}
	for len(w.claims) > 0 && w.claims[0].seq <= w.last {
		w.claims = w.claims[1:] // retention removed the record
	}
	first := w.last + 1
	err := rows(ctx, v.tx, server, 0, w.step)
	if err == nil {
		err = w.end()
	}
	if p, ok := errors.AsType[*Problem](err); ok {
		v.problem(p)
	} else if err != nil {
		return err
	}
	unsigned := max(0, w.last-m.Last)
	v.report.Chains = append(v.report.Chains, Chain{
		Server: server, First: first, Last: w.last, Records: w.good, Unsigned: unsigned, Closed: v.closed[server] && unsigned == 0,
	})
	return nil
}

// compare holds exported checkpoints against those of the store.
func (v *verification) compare(exported io.Reader) error {
	lines, torn, err := readExported(exported)
	if err != nil {
		return err
	}
	v.report.Torn = torn
	if len(lines) == 0 {
		v.problem(&Problem{What: "the file holds no checkpoint"})
	}
	for _, s := range lines {
		if err := s.check(v.keys); err != nil {
			v.problem(&Problem{What: fmt.Sprintf("an exported checkpoint (%d): %s", s.Number, fault.Message(err))})
			return nil
		}
		sum, there := v.bodies[s.Number]
		switch {
		case s.Number > v.newest.Number:
			v.problem(&Problem{Checkpoint: s.Number, What: fmt.Sprintf("it was exported, and the newest of this store is %d: the store was rolled back or replaced", v.newest.Number)})
			return nil
		case there && !bytes.Equal(sum, s.sum()):
			v.problem(&Problem{Checkpoint: s.Number, What: "it is not the one that was exported: the store was rolled back or replaced"})
			return nil
		}
		v.report.Exported++
	}
	return nil
}
