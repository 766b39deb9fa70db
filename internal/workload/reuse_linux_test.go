package workload_test

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/workload"
)

// dialing starts a command that will dial ln, and returns it with its input.
func dialing(t *testing.T, ln net.Listener, name string, args ...string) (*exec.Cmd, func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "WORKLOAD_TEST_DIAL="+ln.Addr().String(), "WORKLOAD_TEST_MODE=")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	quit := func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(quit)
	return cmd, func() { _, _ = in.Write([]byte("\n")) }
}

// accepted is the connection that a child makes, within a bound.
func accepted(t *testing.T, ln net.Listener) net.Conn {
	t.Helper()
	_ = ln.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// loopback is a listener.
func loopback(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// L-10, many rounds: a program stays its workload when it replaces itself with another one
// (exec), and what it leaves behind when it ends belongs to nobody.
func TestExecKeepsTheWorkloadAndOrphansHaveNone(t *testing.T) {
	r, _ := newRegistry(t, "")
	for round := range 10 {
		ln := loopback(t)
		cmd, goOn := dialing(t, ln, "sh", "-c", `read x; exec "$0"`, os.Args[0])
		start, err := workload.StartTime(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		host := vm1 + strconv.Itoa(round)
		if _, err := r.Register(workload.Spec{Resource: parse(t, host), PID: cmd.Process.Pid, Start: start}); err != nil {
			t.Fatal(err)
		}
		goOn()
		c := accepted(t, ln)
		got, err := r.ByConnection(t.Context(), c.RemoteAddr(), c.LocalAddr())
		if err != nil || !got.Workload.Resource.Equal(parse(t, host)) {
			t.Fatalf("after exec: %v", err)
		}

		ln = loopback(t)
		cmd = exec.Command("sh", "-c", `exec 3<&0; "$0" <&3 & echo started; wait`, os.Args[0])
		cmd.Env = append(os.Environ(), "WORKLOAD_TEST_DIAL="+ln.Addr().String(), "WORKLOAD_TEST_MODE=")
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close() }) // ends the orphan
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if start, err = workload.StartTime(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Register(workload.Spec{Resource: parse(t, vm2), PID: cmd.Process.Pid, Start: start}); err != nil {
			t.Fatal(err)
		}
		c = accepted(t, ln)
		got, err = r.ByConnection(t.Context(), c.RemoteAddr(), c.LocalAddr())
		if err != nil || !got.Workload.Resource.Equal(parse(t, vm2)) {
			t.Fatalf("while its parent lives: %v", err)
		}
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		if _, err := r.ByConnection(t.Context(), c.RemoteAddr(), c.LocalAddr()); !errors.Is(err, workload.ErrUnknownCaller) {
			t.Fatalf("the orphan: %v", err)
		}
		if err := r.Confirm(t.Context(), got); !errors.Is(err, workload.ErrUnknownCaller) {
			t.Fatalf("the orphan, confirmed: %v", err)
		}
	}
}

// nextPID makes the next process get an id; only root may.
func nextPID(pid int) error {
	return os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0)
}

// L-10, many rounds: a process that gets the id of a registered one that has ended, even
// within the same clock tick, is nobody until it is registered itself.
func TestAReusedProcessIDConnectsAsNobody(t *testing.T) {
	if err := nextPID(os.Getpid()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("process ids cannot be chosen: %v", err)
		}
		t.Skip("only root may choose process ids:", err)
	}
	r, _ := newRegistry(t, "")
	reused, sameTick := 0, 0
	for round := range 200 {
		if reused == 25 {
			break
		}
		first := exec.Command("cat")
		in, err := first.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		pid := first.Process.Pid
		start, err := workload.StartTime(pid)
		if err != nil {
			t.Fatal(err)
		}
		host := vm1 + strconv.Itoa(round)
		old, err := r.Register(workload.Spec{Resource: parse(t, host), PID: pid, Start: start})
		if err != nil {
			t.Fatal(err)
		}
		ln := loopback(t)
		_ = first.Process.Kill()
		_ = first.Wait()
		_ = in.Close()
		if err := nextPID(pid); err != nil {
			t.Fatal(err)
		}
		second, _ := dialing(t, ln, os.Args[0])
		c := accepted(t, ln)
		if second.Process.Pid != pid {
			continue // another program was faster
		}
		reused++
		again, err := workload.StartTime(pid)
		if err != nil {
			t.Fatal(err)
		}
		if again == start {
			sameTick++
		}
		if got, err := r.ByConnection(t.Context(), c.RemoteAddr(), c.LocalAddr()); !errors.Is(err, workload.ErrUnknownCaller) {
			t.Fatalf("the second process is taken for %v: %v", got.Workload, err)
		}
		if _, err := r.BySecret(old.Secret.Reveal()); err == nil {
			t.Fatal("the secret outlives its process")
		}
		if _, err := r.Register(workload.Spec{Resource: parse(t, vm2), PID: pid, Start: again}); err != nil {
			t.Fatal(err)
		}
		if got, err := r.ByConnection(t.Context(), c.RemoteAddr(), c.LocalAddr()); err != nil || !got.Workload.Resource.Equal(parse(t, vm2)) {
			t.Fatalf("registered itself: %v", err)
		}
	}
	if reused == 0 {
		t.Error("no id was given again in 200 rounds: nothing was tested")
	}
	t.Logf("%d ids given again, %d in the same tick", reused, sameTick)
}
