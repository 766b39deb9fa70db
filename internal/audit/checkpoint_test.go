package audit_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	_ "modernc.org/sqlite" // another process

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

// operations lists what is on record of one kind, oldest first.
func operations(t *testing.T, l *audit.Log, kind audit.Kind) (out []string) {
	t.Helper()
	events, err := l.List(t.Context(), audit.Filter{Kinds: []audit.Kind{kind}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		out = append([]string{e.Operation}, out...)
	}
	return out
}

// verified returns the report of an intact log.
func verified(t *testing.T, c *audit.Checkpoints) audit.Report {
	t.Helper()
	r, err := c.Verify(t.Context(), nil)
	if err != nil || !r.Intact {
		t.Fatalf("%+v, %v", r, err)
	}
	return r
}

// a server that was killed is told apart from one that stopped, and neither is damage.
func TestACrashIsNoDamageAndIsOnRecord(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l, sealer, ctx := newLog(t, db), newSealer(t, db), t.Context()
		run := func() *audit.Checkpoints {
			c := newCheckpoints(t, db, l, func(conf *audit.CheckpointsConfig) { conf.Sealer = sealer })
			if err := c.Start(ctx); err != nil {
				t.Fatal(err)
			}
			fill(t, db, l, 3)
			return c
		}
		c := run()
		if r := verified(t, c); r.Chains[0].Closed || r.Chains[0].Unsigned != 3 {
			t.Errorf("while it runs: %+v", r.Chains)
		}
		if err := c.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if r := verified(t, c); !r.Chains[0].Closed || r.Chains[0].Unsigned != 0 || r.Newest.Reason != "stop" {
			t.Errorf("after a clean stop: %+v", r)
		}
		run() // and is killed
		if got := fmt.Sprint(operations(t, l, audit.Security)); got != "[audit.key.create]" {
			t.Errorf("started after a clean stop: %s", got)
		}
		c = run()
		if got := fmt.Sprint(operations(t, l, audit.Security)); got != "[audit.key.create audit.recovery]" {
			t.Errorf("started after a kill: %s", got)
		}
		verified(t, c)
	})
}

// damage is not signed over: no further checkpoint is made, and it is on record once.
func TestNothingIsSignedOverDamage(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l, ctx := newLog(t, db), t.Context()
		c := newCheckpoints(t, db, l, nil)
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		fill(t, db, l, 10)
		if err := audit.MakeCheckpoint(c, ctx, "time"); err != nil {
			t.Fatal(err)
		}
		before := verified(t, c).Checkpoints
		execute(t, db, "DELETE FROM audit WHERE seq > 5")
		fill(t, db, l, 10)
		for range 3 {
			if err := audit.MakeCheckpoint(c, ctx, "time"); err != nil {
				t.Fatal(err)
			}
		}
		r, err := c.Verify(ctx, nil)
		if err != nil || r.Intact || r.Checkpoints != before || r.Problems[0].Record != 11 {
			t.Errorf("%+v, %v", r, err)
		}
		if got := strings.Count(fmt.Sprint(operations(t, l, audit.Security)), "audit.damage"); got != 1 {
			t.Errorf("%d records of damage, want 1", got)
		}

		// Also where everything that was signed is gone, a restart does not begin anew.
		execute(t, db, "DELETE FROM audit_checkpoints", "DELETE FROM audit_keys")
		again := newCheckpoints(t, db, l, func(conf *audit.CheckpointsConfig) { conf.Sealer = c.Sealer })
		if err := again.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if got := found(t, again, nil); got != "log" {
			t.Errorf("without keys and checkpoints: %s", got)
		}
	})
}

// retention deletes the oldest half, remembers the cut and stays provable.
func TestRetentionKeepsTheChainProvable(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var clock atomic.Int64
		clock.Store(noon.Unix())
		now := func() time.Time { return time.Unix(clock.Load(), 0).UTC() }
		ctx := t.Context()
		l, err := audit.New(audit.Config{Store: db, Server: "s1", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		c := newCheckpoints(t, db, l, func(conf *audit.CheckpointsConfig) { conf.Keep = 24 * time.Hour })
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		const half = 2100 // more than a page
		for range 2 {
			fill(t, db, l, half)
			if err := audit.MakeCheckpoint(c, ctx, "time"); err != nil {
				t.Fatal(err)
			}
			clock.Add(20 * 3600)
		}
		if err := audit.Prune(c, ctx); err != nil {
			t.Fatal(err)
		}
		chain := verified(t, c).Chains[0]
		if chain.First != half+2 || chain.Last != 2*half+1+2 { // the key before; two pages are on record behind
			t.Errorf("after pruning half: %+v", chain)
		}
		if got := strings.Count(fmt.Sprint(operations(t, l, audit.Security)), "audit.prune"); got != 2 {
			t.Errorf("%d records of pruning, want 2", got)
		}
		if got := after(t, db, c, []string{"DELETE FROM audit WHERE seq = 4000"}); got != "s1/4000" {
			t.Errorf("one cut out of what is kept: %s", got)
		}
		if got := after(t, db, c, []string{fmt.Sprint("DELETE FROM audit WHERE seq < ", half+10)}); got != fmt.Sprint("s1/", half+2) {
			t.Errorf("more cut off than was signed: %s", got)
		}
		clock.Add(1000 * 3600)
		execute(t, db, "UPDATE audit SET target = 'x' WHERE seq = 4000")
		if err := audit.Prune(c, ctx); err != nil {
			t.Fatal(err)
		}
		r, err := c.Verify(ctx, nil)
		if err != nil || r.Intact || r.Problems[0].Record != 4000 {
			t.Errorf("damage was pruned away: %+v, %v", r, err)
		}
		execute(t, db, "UPDATE audit SET target = 't' WHERE seq = 4000")
		if err := audit.Prune(c, ctx); err != nil {
			t.Fatal(err)
		}
		fill(t, db, l, 1) // the chain goes on where it was
		chain = verified(t, c).Chains[0]
		if chain.First < 4000 || chain.Records < 2 {
			t.Errorf("after pruning all that is old: %+v", chain)
		}
	})
}

// the file of checkpoints is continued after a restart and after a torn line.
func TestCheckpointsAreExportedOnce(t *testing.T) {
	db := storetest.SQLite(t)
	l, sealer, ctx := newLog(t, db), newSealer(t, db), t.Context()
	file := filepath.Join(t.TempDir(), "checkpoints")
	run := func() *audit.Checkpoints {
		c := newCheckpoints(t, db, l, func(conf *audit.CheckpointsConfig) { conf.Sealer, conf.File = sealer, file })
		if err := errors.Join(c.Start(ctx), c.Stop(ctx)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	run()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, text[:20]...), 0o600); err != nil {
		t.Fatal(err)
	}
	c := run()
	if text, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	r, err := c.Verify(ctx, bytes.NewReader(text))
	if err != nil || !r.Intact || r.Exported != 4 || r.Torn != 1 || bytes.Count(text, []byte("\n")) != 5 {
		t.Errorf("%+v, %v\n%s", r, err, text)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil { // nothing can be written there: the log goes on
		t.Fatal(err)
	}
	verified(t, run())
}

// S-66: one input is one record of printable characters, at most 1 KiB each, and what the
// caller holds is not changed.
func TestRecordsHoldOnlyPrintableText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		l, ctx := newLog(t, db), t.Context()
		c := newCheckpoints(t, db, l, nil)
		hostile := map[string]string{
			"a forged line":    "x\n{\"forged\":true}",
			"colours":          "\x1b[31mred\x1b[0m",
			"a zero byte":      "a\x00b",
			"turned around":    "abc\u202edcba",
			"C1 and separator": "a\u0085b\u2028c",
			"no UTF-8":         "a\xff\xfeb",
			"1 MiB":            strings.Repeat("a", 1<<20),
			"wide and long":    strings.Repeat("€", 1000),
			"just too long":    strings.Repeat("a", 1023) + "é",
		}
		for name, text := range hostile {
			details := map[string]string{"k": text}
			e := audit.Event{Kind: audit.Security, Operation: text, Target: text, Reason: text, Details: details, Process: &audit.Process{Executable: text},
				Actor: audit.Actor{Name: text, UserAgent: text, CorrelationID: text}}
			if err := l.Write(ctx, e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if details["k"] != text || e.Process.Executable != text {
				t.Errorf("%s: the caller's own event was changed", name)
			}
		}
		var out bytes.Buffer
		n, err := l.Export(ctx, &out, audit.Filter{})
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if err != nil || n != int64(len(hostile)) || len(lines) != len(hostile) {
			t.Fatalf("%d records in %d lines, %v", n, len(lines), err)
		}
		for _, line := range lines {
			var got struct {
				Event struct {
					Operation string
					Details   map[string]string
					Process   struct{ Executable string }
				}
			}
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{got.Event.Operation, got.Event.Details["k"], got.Event.Process.Executable} {
				if len(s) > 1024 || !utf8.ValidString(s) || strings.ContainsAny(s, "\n\x1b\x00\u202e\u0085\u2028") {
					t.Errorf("on record: %d bytes %.40q", len(s), s)
				}
			}
		}
		fine := audit.Event{Operation: "Microsoft.Web/sites/write", Target: "/subscriptions/x/größe", Details: map[string]string{"a": "b"}}
		if got := audit.Clean(fine); fmt.Sprint(got) != fmt.Sprint(fine) {
			t.Errorf("what is printable was changed: %+v", got)
		}
		if err := audit.MakeCheckpoint(c, ctx, "time"); err != nil {
			t.Fatal(err)
		}
		verified(t, c)
	})
}

// a store that hangs counts as failed within 2 s for every caller, fills no memory,
// and what was refused is not on record later.
func TestABlockedLogFailsInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.db")
	db := storetest.Open(t, store.Config{SQLitePath: path, Now: time.Now})
	l := newLog(t, db)
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	conn, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	failed := make(chan time.Duration, 20)
	for range cap(failed) {
		go func() {
			began := time.Now()
			if err := l.Write(context.Background(), audit.Event{Kind: audit.SignIn, Operation: "refused"}); !errors.Is(err, audit.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
			failed <- time.Since(began)
		}()
	}
	for range cap(failed) {
		if took := <-failed; took > 2*time.Second {
			t.Errorf("took %s", took)
		}
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err = l.Write(t.Context(), audit.Event{Kind: audit.SignIn, Operation: "served"}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := fmt.Sprint(operations(t, l, audit.SignIn)); err != nil || got != "[served]" {
		t.Errorf("afterwards: %v, on record %s", err, got)
	}
}

// Group commit: durable records a second of 16 callers at once and of one alone.
func BenchmarkWrite(b *testing.B) {
	for _, callers := range []int{1, 16} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			db := storetest.SQLite(b)
			l, err := audit.New(audit.Config{Store: db, Server: "s1", Now: time.Now})
			if err != nil {
				b.Fatal(err)
			}
			var wg sync.WaitGroup
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if err := l.Write(b.Context(), audit.Event{Kind: audit.SignIn, Operation: "token.issue"}); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// S-32: the key that signs checkpoints opens for nothing else, and lies nowhere in the open.
func TestTheCheckpointKeyHasOnePurpose(t *testing.T) {
	db := storetest.SQLite(t)
	c := newCheckpoints(t, db, newLog(t, db), nil)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var id string
	var sealed []byte
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Get(t.Context(), "SELECT id, sealed FROM audit_keys", nil, &id, &sealed)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sealer.Open(t.Context(), "audit.checkpoint", id, sealed); err != nil {
		t.Errorf("for its own purpose: %v", err)
	}
	for _, other := range [][2]string{{"keyring", id}, {"pki", id}, {"audit.checkpoint", "other"}} {
		if _, err := c.Sealer.Open(t.Context(), other[0], other[1], sealed); err == nil {
			t.Errorf("opens as %v", other)
		}
	}
}
