package audit_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// newSealer seals under a key-encryption key of the test's own.
func newSealer(t testing.TB, db *store.DB) *seal.Sealer {
	t.Helper()
	kek, err := seal.CreateKEK(filepath.Join(t.TempDir(), "kek"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.New(t.Context(), seal.Config{Store: db, KEK: kek, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newCheckpoints returns Checkpoints of l; change, if set, adds to the configuration.
func newCheckpoints(t testing.TB, db *store.DB, l *audit.Log, change func(*audit.CheckpointsConfig)) *audit.Checkpoints {
	t.Helper()
	conf := audit.CheckpointsConfig{Log: l, Report: slog.New(slog.DiscardHandler), Rand: rand.Reader}
	if change != nil {
		change(&conf)
	}
	if conf.Sealer == nil {
		conf.Sealer = newSealer(t, db)
	}
	c, err := audit.NewCheckpoints(conf)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fill records n events in one transaction.
func fill(t testing.TB, db *store.DB, l *audit.Log, n int) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			e := audit.Event{Kind: audit.SignIn, Operation: fmt.Sprint("op-", i), Target: "t", Outcome: audit.Succeeded,
				Actor: audit.Actor{Tenant: "tenant", Object: "object", CorrelationID: "c"}}
			if err := l.Record(t.Context(), tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// execute runs statements in one transaction.
func execute(t testing.TB, db *store.DB, statements ...string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The tables of the log, and how to keep and restore a copy of them.
var tables = []string{"audit", "audit_checkpoints", "audit_keys"}

func keep(t *testing.T, db *store.DB, name string) {
	t.Helper()
	for _, table := range tables {
		execute(t, db, "CREATE TABLE "+name+"_"+table+" AS SELECT * FROM "+table)
	}
}

func restore(t *testing.T, db *store.DB, name string) {
	t.Helper()
	for _, table := range tables {
		execute(t, db, "DELETE FROM "+table, "INSERT INTO "+table+" SELECT * FROM "+name+"_"+table)
	}
}

// found verifies and says the first problem in short.
func found(t *testing.T, c *audit.Checkpoints, exported io.Reader) string {
	t.Helper()
	r, err := c.Verify(t.Context(), exported)
	return short(t, r, err)
}

// after says what is found after statements, which are then undone.
func after(t *testing.T, db *store.DB, c *audit.Checkpoints, statements []string) (got string) {
	t.Helper()
	undo := errors.New("undo")
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		r, err := audit.VerifyIn(c, t.Context(), tx, nil)
		got = short(t, r, err)
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	return got
}

// short writes the first problem of a report: "s1/1000", "checkpoint 3", "log".
func short(t *testing.T, r audit.Report, err error) string {
	t.Helper()
	if err != nil {
		return "error"
	}
	if r.Intact != (len(r.Problems) == 0) {
		t.Fatalf("%+v", r)
	}
	if r.Intact {
		return "intact"
	}
	switch p := r.Problems[0]; {
	case p.Record > 0:
		return fmt.Sprintf("%s/%d", p.Server, p.Record)
	case p.Checkpoint > 0:
		return fmt.Sprint("checkpoint ", p.Checkpoint)
	}
	return "log"
}

// shift are statements that renumber the records from one on by +1 or -1.
func shift(from, by int) []string {
	return []string{
		fmt.Sprintf("UPDATE audit SET seq = -(seq + %d) WHERE seq >= %d", by, from),
		"UPDATE audit SET seq = -seq WHERE seq < 0",
	}
}

// tenth is a tenth of the records of the log under test: 200, or what AUDIT_TENTH says, as
// 1000 for the log of 10,000 of R-12, which takes minutes under the race detector.
func tenth(t *testing.T) int {
	text := os.Getenv("AUDIT_TENTH")
	if text == "" {
		return 200
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 200 {
		t.Fatalf("AUDIT_TENTH=%s is not a number from 200 on", text)
	}
	return n
}

// numbered are the numbers of records in what is written about a log of 2,000.
var numbered = regexp.MustCompile(`\b(1000|1001|1400|1800|1801|2000|2001)\b`)

// scaled moves them to where they lie in a log of ten times each.
func scaled(text string, each int) string {
	return numbered.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(s)
		return strconv.Itoa(n/200*each + n%200)
	})
}

// every mutation of a log of 2,000 records is found at the right record, and the
// untouched log passes. Checkpoints lie at every tenth and one or two further on.
func TestVerifyNamesTheFirstBadRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		file := filepath.Join(t.TempDir(), "checkpoints")
		l := newLog(t, db)
		c := newCheckpoints(t, db, l, func(conf *audit.CheckpointsConfig) { conf.File = file })
		if err := c.Start(t.Context()); err != nil { // record 1: the key
			t.Fatal(err)
		}
		each := tenth(t)
		for i := range 10 {
			fill(t, db, l, each)
			if i == 4 {
				keep(t, db, "old")
			}
			if err := audit.MakeCheckpoint(c, t.Context(), "time"); err != nil {
				t.Fatal(err)
			}
		}
		fill(t, db, l, 5) // 2,002 to 2,006: after the last checkpoint, number 11
		exported, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		keep(t, db, "good")
		type mutation struct {
			want       string
			statements []string
		}
		cases := map[string]mutation{
			"nothing":                      {"intact", nil},
			"a byte of the text":           {"s1/1000", []string{"UPDATE audit SET body = replace(body, 'op-', 'oq-') WHERE seq = 1000"}},
			"the text emptied":             {"s1/1000", []string{"UPDATE audit SET body = '' WHERE seq = 1000"}},
			"a hash":                       {"s1/1000", []string{"UPDATE audit SET hash = prev WHERE seq = 1000"}},
			"a previous hash":              {"s1/1000", []string{"UPDATE audit SET prev = hash WHERE seq = 1000"}},
			"the time":                     {"s1/1000", []string{"UPDATE audit SET at = at + 1 WHERE seq = 1000"}},
			"the first record":             {"s1/1", []string{"UPDATE audit SET target = 'x' WHERE seq = 1"}},
			"one cut out":                  {"s1/1000", []string{"DELETE FROM audit WHERE seq = 1000"}},
			"many cut out":                 {"s1/1000", []string{"DELETE FROM audit WHERE seq BETWEEN 1000 AND 1400"}},
			"one cut out, closed":          {"s1/1000", append([]string{"DELETE FROM audit WHERE seq = 1000"}, shift(1001, -1)...)},
			"one put in":                   {"s1/1000", append(shift(1000, 1), "INSERT INTO audit SELECT server, 1000, at, kind, tenant_id, principal_id, operation, target, subscription_id, correlation_id, body, prev, hash FROM audit WHERE seq = 10")},
			"two swapped":                  {"s1/1000", []string{"UPDATE audit SET seq = -1 WHERE seq = 1000", "UPDATE audit SET seq = 1000 WHERE seq = 1001", "UPDATE audit SET seq = 1001 WHERE seq = -1"}},
			"the beginning cut off":        {"s1/1", []string{"DELETE FROM audit WHERE seq <= 100"}},
			"one put before":               {"log", []string{"INSERT INTO audit SELECT server, 0, at, kind, tenant_id, principal_id, operation, target, subscription_id, correlation_id, body, prev, hash FROM audit WHERE seq = 10"}},
			"the tail cut off":             {"s1/1801", []string{"DELETE FROM audit WHERE seq > 1800"}},
			"all cut off":                  {"s1/1", []string{"DELETE FROM audit"}},
			"another server's name":        {"s1/2001", []string{"UPDATE audit SET server = 's2' WHERE seq > 2000"}},
			"only what nothing had signed": {"intact", []string{"DELETE FROM audit WHERE seq > 2001"}},

			"a checkpoint's text":        {"checkpoint 4", []string{"UPDATE audit_checkpoints SET body = replace(body, 'time', 'stop') WHERE number = 4"}},
			"a checkpoint's reason":      {"checkpoint 4", []string{"UPDATE audit_checkpoints SET reason = 'stop' WHERE number = 4"}},
			"a checkpoint's signature":   {"checkpoint 4", []string{"UPDATE audit_checkpoints SET signature = (SELECT signature FROM audit_checkpoints WHERE number = 3) WHERE number = 4"}},
			"a checkpoint cut out":       {"checkpoint 5", []string{"DELETE FROM audit_checkpoints WHERE number = 4"}},
			"the oldest checkpoint":      {"checkpoint 1", []string{"DELETE FROM audit_checkpoints WHERE number = 1"}},
			"all checkpoints":            {"log", []string{"DELETE FROM audit_checkpoints"}},
			"the key":                    {"checkpoint 1", []string{"DELETE FROM audit_keys"}},
			"all but the records":        {"log", []string{"DELETE FROM audit_checkpoints", "DELETE FROM audit_keys"}},
			"the key of another purpose": {"error", []string{"UPDATE audit_keys SET sealed = (SELECT wrapped FROM data_keys WHERE id = 2)"}},
		}
		for _, column := range []string{"kind", "tenant_id", "principal_id", "operation", "target", "correlation_id"} {
			cases["column "+column] = mutation{"s1/1000", []string{"UPDATE audit SET " + column + " = 'x' WHERE seq = 1000"}}
		}
		for name, m := range cases {
			for i := range m.statements {
				m.statements[i] = scaled(m.statements[i], each)
			}
			if got, want := after(t, db, c, m.statements), scaled(m.want, each); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		forge(t, db, int64(5*each))
		if got := found(t, c, nil); got != scaled("s1/1001", each) { // the next that a checkpoint signed
			t.Errorf("rewritten from 1000 on with right hashes: %s", got)
		}

		restore(t, db, "old") // consistent in itself
		if got := found(t, c, nil); got != "intact" {
			t.Errorf("rolled back, with no exported checkpoint: %s", got)
		}
		if got := found(t, c, bytes.NewReader(exported)); got != "checkpoint 6" {
			t.Errorf("rolled back: %s", got)
		}
		restore(t, db, "good")
		torn := append(bytes.Clone(exported), exported[:50]...)
		if r, err := c.Verify(t.Context(), bytes.NewReader(torn)); err != nil || !r.Intact || r.Torn != 1 || r.Exported != 11 {
			t.Errorf("a file with a torn line: %+v, %v", r, err)
		}
		if got := found(t, c, strings.NewReader("")); got != "log" {
			t.Errorf("an empty file: %s", got)
		}
		if got := found(t, c, strings.NewReader(strings.Replace(string(exported), `\"number\":3`, `\"number\":33`, 1))); got != "log" {
			t.Errorf("a changed file: %s", got)
		}
	})
}

// forge changes one record and gives it and all that follow the hashes that fit.
func forge(t *testing.T, db *store.DB, from int64) {
	t.Helper()
	ctx := context.Background()
	err := db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE audit SET body = replace(body, 'Succeeded', 'Denied') WHERE seq = $1", from); err != nil {
			return err
		}
		type rec struct {
			seq  int64
			body string
		}
		var recs []rec
		var prev []byte
		err := tx.Query(ctx, func(r store.Row) error {
			var x rec
			var p []byte
			if err := r.Scan(&x.seq, &x.body, &p); err != nil {
				return err
			}
			if x.seq == from {
				prev = p
			}
			recs = append(recs, x)
			return nil
		}, "SELECT seq, body, prev FROM audit WHERE seq >= $1 ORDER BY seq", from)
		if err != nil {
			return err
		}
		for _, x := range recs {
			hash := audit.Link(prev, "s1", x.seq, []byte(x.body))
			if _, err := tx.Exec(ctx, "UPDATE audit SET prev = $1, hash = $2 WHERE seq = $3", prev, hash, x.seq); err != nil {
				return err
			}
			prev = hash
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
