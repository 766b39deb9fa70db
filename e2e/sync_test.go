//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// what a disk holds after a power cut is what was flushed before. Seen from the
// kernel, every answer about something that is on record leaves after the log of the
// database was written and a flush of it came back; a file system that forgets what was
// not flushed then forgets nothing that was answered. Such a file system is not mounted here.
func TestFlushedBeforeAnswered(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		missing(t, "strace is not installed (apt install strace)")
	}
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	trace := filepath.Join(t.TempDir(), "trace")
	v.wrap = func(cmd *exec.Cmd) { // with -D the server is our child, and strace looks on
		cmd.Args = append([]string{"strace", "-D", "-f", "-qq", "-yy", "-s", "64", "-e", "trace=fsync,fdatasync,write,pwrite64", "-o", trace, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = strace
	}
	v.up("")
	v.wrap = func(*exec.Cmd) {}
	m := newModel(v)
	m.prepare()
	seen := func() int {
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		return len(text)
	}
	judged := 0
	for i := range 12 {
		from := seen()
		what := "a registration"
		header := m.register()
		if header == "" {
			t.Fatal("no registration")
		}
		if i%2 == 1 {
			from, what = seen(), "a token"
			a := v.send("GET", v.Node+"/msi/token?api-version=2019-08-01&resource="+[]string{"https://vault.azure.net", "https://management.azure.com", "https://graph.microsoft.com",
				"https://storage.azure.com", "https://database.windows.net", "https://vault.azure.net/"}[i/2], "", map[string]string{"X-IDENTITY-HEADER": header}, "")
			m.expect(a)
		}
		v.eventually("strace has written the answer", func() bool { return answerIn(trace, from) >= 0 })
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text[from:]), "\n")
		written, flushed := -1, -1
		for n, line := range lines[:answerIn(trace, from)] {
			switch {
			case walWrite.MatchString(line):
				written, flushed = n, -1
			case walFlush.MatchString(line):
				flushed = n
			}
		}
		if written < 0 || flushed < 0 {
			t.Errorf("%s %d: the database's log was written in line %d and flushed in line %d before the answer:\n%s", what, i, written, flushed, tail(strings.Join(lines, "\n"), 3000))
		}
		judged++
	}
	t.Logf("FLUSHED before %d answers", judged)
}

// Lines of strace, also where a call ends in another line than it began.
var (
	walWrite = regexp.MustCompile(`pwrite64\(\d+<[^>]*-wal>`)
	walFlush = regexp.MustCompile(`f(data)?sync\(\d+<[^>]*-wal>\) += 0|<\.\.\. f(data)?sync resumed>.*= 0`)
	answered = regexp.MustCompile(`write\(\d+<(TCP|UNIX).*"HTTP/1\.1 20`)
)

// answerIn returns the line of the first answer behind an offset of the trace; -1 if there
// is none yet.
func answerIn(trace string, from int) int {
	text, err := os.ReadFile(trace)
	if err != nil {
		panic(fmt.Errorf("read the trace: %w", err))
	}
	for n, line := range strings.Split(string(text[from:]), "\n") {
		if answered.MatchString(line) {
			return n
		}
	}
	return -1
}
