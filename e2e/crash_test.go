//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/store"
)

// crashCycles is how often each store is killed: CYCLES, or 25.
func crashCycles(t *testing.T) int {
	t.Helper()
	text := os.Getenv("CYCLES")
	if text == "" {
		return 25
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CYCLES=%q is not a number of cycles", text)
	}
	return n
}

// crashPoints are the failpoints of a request, each with what it does there. kill ends the
// server; the others let it live and must leave the write undone or done, never half.
var crashPoints = func() (all []string) {
	for _, point := range []string{store.BeforeBegin, store.AfterBegin, store.BeforeCommit, store.AfterCommit, store.AfterAck, store.BeforeAudit, store.AfterAudit} {
		for _, action := range []string{"kill", "kill", "panic", "error", "sleep:50ms"} {
			all = append(all, point+"="+action)
		}
	}
	return append(all, store.BeforeCommit+"=eio", store.AfterAudit+"=enospc", store.MidRotation+"=kill", store.BeforeFeed+"=error")
}()

// S-67: whatever was answered with success is there after kill -9 at any
// instant and at every failpoint; what was not answered is there whole or not at all; no
// half of an object lives without its other half; every change is on record exactly if it
// happened. One cycle is: write from four clients, die, start again on the same store,
// compare everything. The positive twin is in the comparison itself: what lives is listed
// and equal, and at the end everything is changed once more.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	binary := buildWithFailpoints(t)
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			v := newVictim(t, binary, engine)
			v.up("")
			m := newModel(v)
			m.prepare()
			began, cycles := time.Now(), crashCycles(t)
			for cycle := range cycles {
				m.cycle(cycle)
				if t.Failed() {
					t.Fatalf("in cycle %d", cycle)
				}
				if cycle%50 == 49 {
					t.Logf("%s: %d cycles, %s", engine, cycle+1, m.summary())
				}
			}
			m.changeAll()
			m.compare("after the last cycle")
			m.checkAllRecords()
			t.Logf("CRASH %s: %d cycles in %s, %s, 0 lost", engine, cycles, time.Since(began).Round(time.Second), m.summary())
		})
	}
}

// cycle writes until the server is dead, starts it again and compares.
func (m *model) cycle(n int) {
	v, spec := m.v, ""
	if n%2 == 1 {
		point, action, _ := strings.Cut(crashPoints[(n/2)%len(crashPoints)], "=")
		spec = fmt.Sprintf("%s=%s@%d", point, action, 1+rand.IntN(25))
	}
	m.reset()
	v.control(spec)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for w := range writers {
		wg.Go(func() { m.write(w, stop) })
	}
	if spec == "" {
		time.Sleep(time.Duration(1+rand.IntN(200)) * time.Millisecond)
	} else {
		select {
		case <-v.died:
			v.died <- struct{}{}
		case <-time.After(600 * time.Millisecond):
		}
	}
	v.kill()
	close(stop)
	wg.Wait()
	again := ""
	if n%10 == 4 { // die once more, in the middle of starting
		again = fmt.Sprintf("%s=kill@%d", store.BeforeCommit, 1+rand.IntN(3))
	}
	v.up(again)
	m.compare(fmt.Sprintf("cycle %d (%s)", n, orElse(spec, "killed at random")))
}

// orElse returns s, or other if s is empty.
func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// a first start that is killed at any point is completed by the next one.
func TestCrashInTheFirstStartIsMended(t *testing.T) {
	binary := buildWithFailpoints(t)
	points := []string{store.MidMigration, store.BeforeCommit, store.AfterCommit, store.MidRotation}
	every := 4 // of the passings of a point, in CI
	if crashCycles(t) > 25 {
		every = 1
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			died := 0
			for i, point := range points {
				for nth := 1 + i%every; nth < 60; nth += every {
					v := newVictim(t, binary, engine)
					v.control(fmt.Sprintf("%s=kill@%d", point, nth))
					if v.tryUp() { // it started before it passed the point that often
						v.kill()
						break
					}
					died++
					v.control("")
					v.up("")
					v.signIn()
					m := newModel(v)
					m.prepare()
					m.invariants("after a first start that died at " + point)
					v.kill()
					if t.Failed() {
						t.Fatalf("after %s %d", point, nth)
					}
				}
			}
			if died < len(points) {
				t.Errorf("only %d first starts died", died)
			}
			t.Logf("CRASH first start, %s: %d starts killed, all mended by the next", engine, died)
		})
	}
}

// every kind of write passes the failpoints, so that the matrix above means something:
// with before-commit failing each is refused with 503 and changes nothing; its twin without
// is accepted.
func TestEveryKindOfWritePassesTheFailpoints(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	v.up("")
	m := newModel(v)
	m.prepare()
	for _, point := range []string{store.BeforeBegin, store.AfterBegin, store.BeforeCommit, store.BeforeAudit, store.AfterAudit} {
		for _, op := range m.everyWrite() {
			v.control(point + "=error")
			if a := op.do(); a.status != 503 {
				t.Errorf("%s with %s failing: status %d %s", op.name, point, a.status, tail(a.body, 200))
			}
			v.control(point + "=panic")
			if a := op.do(); a.status == 0 && v.diedAtItsOwnWork() {
				v.up("") // it was between requests: a panic there ends the process, and nothing is half done
			} else if a.status != 500 && a.status != 503 || strings.Contains(a.body, "failpoint") {
				t.Errorf("%s with %s panicking: status %d %s", op.name, point, a.status, tail(a.body, 200))
			}
			v.control("")
			if a := op.do(); a.status/100 != 2 {
				t.Fatalf("%s afterwards: status %d %s", op.name, a.status, tail(a.body, 200))
			}
		}
	}
	m.invariants("after every kind of write failed at every point")
}

// R-6 with errors that no test can make a disk produce: an I/O error, a full disk, a file
// system that became read-only, met when committing.
func TestAnIOErrorEndsWritingUntilRestart(t *testing.T) {
	binary := buildWithFailpoints(t)
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, action := range []string{"eio", "enospc", "erofs"} {
			t.Run(engine+" "+action, func(t *testing.T) {
				v := newVictim(t, binary, engine)
				v.up("")
				m := newModel(v)
				m.prepare()
				v.control(store.BeforeCommit + "=" + action)
				m.refusesWritesOnly()
				v.control("")
				if engine == "postgres" { // it looks after its files: a write of ours that succeeds ends it
					m.eventuallyWrites()
				} else {
					m.refusesWritesOnly()
					v.kill()
					v.up("")
				}
				m.writesAgain()
			})
		}
	}
}

// R-6 on a real full disk: a file system of a few MiB in a namespace of the server's own.
func TestAFullDiskEndsWritingUntilRestart(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	disk := v.onSmallDisk(t)
	v.up("")
	m := newModel(v)
	m.prepare()
	disk("dd if=/dev/zero of=$DISK/fill bs=64k 2>/dev/null; true")
	// The disk is full; the log of the database may have some room left.
	deadline := time.Now().Add(20 * time.Second)
	for m.identity("filler").status/100 == 2 {
		if time.Now().After(deadline) {
			t.Fatal("the full disk takes writes without end")
		}
	}
	m.refusesWritesOnly()
	disk("rm $DISK/fill")
	m.refusesWritesOnly() // room alone is no reason to trust the file again
	v.kill()
	v.up("")
	m.writesAgain()
	m.invariants("after a full disk")
}

// L-3: when the change feed is lost for 5 s, decisions are refused with 503, not made from
// memory; keys are still published; when it is back, so are decisions.
func TestALostFeedEndsDecisions(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	v.up("")
	m := newModel(v)
	m.prepare()
	read := func() int { return m.list("/providers/Microsoft.Compute/virtualMachines", "2024-07-01").status }
	if s := read(); s != 200 {
		t.Fatalf("before: %d", s)
	}
	v.control(store.BeforeFeed + "=error")
	v.eventually("reads are refused", func() bool { return read() == 503 })
	if s := v.keys(); s != 200 {
		t.Errorf("keys while the feed is lost: %d", s)
	}
	if s := v.ready(); s != 503 {
		t.Errorf("readiness while the feed is lost: %d", s)
	}
	v.control("")
	v.eventually("reads are answered", func() bool { return read() == 200 })
	if s := v.ready(); s != 200 {
		t.Errorf("readiness afterwards: %d", s)
	}
}

// a store that exists and does not open is refused by `up` in one line, and not touched.
func TestUpRefusesADamagedStore(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	v.up("")
	m := newModel(v)
	m.prepare()
	v.stopPolitely()
	good, err := os.ReadFile(v.file())
	if err != nil {
		t.Fatal(err)
	}
	page := append([]byte(nil), good...)
	for i := 4096; i < 4096+8; i++ { // the header of the second page
		page[i] ^= 0x55
	}
	for name, bad := range map[string][]byte{
		"an empty file": {}, "a torn file": good[:len(good)/2+100], "a damaged page": page, "no database": []byte(strings.Repeat("not a database ", 400)),
	} {
		if err := os.WriteFile(v.file(), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if v.tryUp() {
			t.Fatalf("%s: it started", name)
		}
		text := strings.TrimSpace(v.log.String())
		if strings.Count(text, "\n") != 0 || !strings.Contains(text, "damaged") || !strings.Contains(text, filepath.Base(v.file())) {
			t.Errorf("%s: it says %q", name, text)
		}
		if after, _ := os.ReadFile(v.file()); string(after) != string(bad) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if err := os.WriteFile(v.file(), good, 0o600); err != nil {
		t.Fatal(err)
	}
	v.up("")
	m.compare("the undamaged file again")
}

// sigkill is what ends a server here.
const sigkill = syscall.SIGKILL
