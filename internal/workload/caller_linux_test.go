package workload_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/workload"
)

// TestMain lets the test binary be its own children: they connect as they are told.
func TestMain(m *testing.M) {
	if addr := os.Getenv("WORKLOAD_TEST_DIAL"); addr != "" {
		os.Exit(dialer(addr, os.Getenv("WORKLOAD_TEST_MODE")))
	}
	os.Exit(m.Run())
}

// dialer is a child: it connects and holds the connection until its input ends. Mode
// "grandchild" leaves the connecting to a child of its own; "inherit" starts one that
// holds the same connection.
func dialer(addr, mode string) int {
	if mode == "grandchild" {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "WORKLOAD_TEST_MODE=")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
		if cmd.Run() != nil {
			return 1
		}
		return 0
	}
	network := "tcp"
	c, err := net.Dial(network, addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if mode == "inherit" {
		f, err := c.(*net.TCPConn).File()
		if err != nil {
			return 1
		}
		cmd := exec.Command("cat")
		cmd.Stdin, cmd.ExtraFiles = os.Stdin, []*os.File{f}
		if cmd.Start() != nil {
			return 1
		}
		fmt.Println("ready")
		_ = cmd.Wait()
		return 0
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	_ = c.Close()
	return 0
}

// connection is what the server saw of a child's connection.
type connection struct {
	cmd   *exec.Cmd
	conn  net.Conn
	start int64
	quit  func()
}

// connect starts a child that connects to a new listener.
func connect(t *testing.T, network, host, mode string) connection {
	t.Helper()
	ln, err := net.Listen(network, host)
	if err != nil {
		t.Fatalf("no %s here: %v", network, err)
	}
	defer func() { _ = ln.Close() }()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WORKLOAD_TEST_DIAL="+ln.Addr().String(), "WORKLOAD_TEST_MODE="+mode)
	cmd.Stderr = os.Stderr
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
	c := connection{cmd: cmd, quit: func() { _ = in.Close(); _ = cmd.Wait() }}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = in.Close(); _ = cmd.Wait() })
	if c.conn, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("child: %q %v", line, err)
	}
	if c.start, err = workload.StartTime(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c connection) register(t *testing.T, r *workload.Registry, host string) workload.Registration {
	t.Helper()
	reg, err := r.Register(workload.Spec{Resource: parse(t, host), PID: c.cmd.Process.Pid, Start: c.start})
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

const vm1, vm2, site = group + "Microsoft.Compute/virtualMachines/vm1", group + "Microsoft.Compute/virtualMachines/vm2", group + "Microsoft.Web/sites/app"

// S-8, L-10, many rounds: a connection belongs to the workload whose process made it, or
// whose child did, and to nobody before that process is registered.
func TestAConnectionIsItsProcesss(t *testing.T) {
	if workload.InNamespace(t) {
		return
	}
	r, _ := newRegistry(t, "")
	for round := range 15 {
		for _, mode := range []string{"", "grandchild", "inherit"} {
			for _, at := range []struct{ network, host string }{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}} {
				c := connect(t, at.network, at.host, mode)
				find := func() (workload.Caller, error) {
					return r.ByConnection(t.Context(), c.conn.RemoteAddr(), c.conn.LocalAddr())
				}
				if _, err := find(); !errors.Is(err, workload.ErrUnknownCaller) {
					t.Fatalf("%s: before it is registered: %v", mode, err)
				}
				host := vm1 + strconv.Itoa(round)
				c.register(t, r, host)
				got, err := find()
				if err != nil || !got.Workload.Resource.Equal(parse(t, host)) {
					t.Fatalf("%s %s: %v", mode, at.network, err)
				}
				p := got.Process
				if p == nil || p.Host != "here" || p.UID == nil || *p.UID != os.Getuid() {
					t.Fatalf("facts %+v", p)
				}
				switch mode {
				case "":
					if p.PID != c.cmd.Process.Pid || p.StartTime != c.start || !strings.HasSuffix(p.Executable, ".test") {
						t.Fatalf("facts %+v", p)
					}
				case "inherit": // which of the two spoke is not known
					if p.PID != 0 || p.StartTime != 0 || p.Executable != "" {
						t.Fatalf("facts are guessed: %+v", p)
					}
				}
				if err := r.Confirm(t.Context(), got); err != nil {
					t.Fatal(err)
				}
				c.quit()
				if err := r.Confirm(t.Context(), got); !errors.Is(err, workload.ErrUnknownCaller) {
					t.Fatalf("%s: after its end: %v", mode, err)
				}
			}
		}
	}
}

// S-8: what is not surely one machine's is nobody's.
func TestDoubtfulConnectionsAreNobodys(t *testing.T) {
	self, err := workload.StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		outer, inner []string // what this process and its child are registered for
		want         string   // "" means refused
	}{
		"nearest wins":                        {[]string{vm1}, []string{vm2}, vm2},
		"an ancestor will do":                 {[]string{vm1}, nil, vm1},
		"registered twice for one machine":    {nil, []string{vm1, vm1}, vm1},
		"registered for two machines":         {nil, []string{vm1, vm2}, ""},
		"an app inside a machine":             {[]string{vm1}, []string{site}, ""},
		"an app that is also a machine":       {nil, []string{site, vm1}, ""},
		"nobody is registered":                {nil, nil, ""},
		"only an app around it is registered": {[]string{site}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := newRegistry(t, "")
			conn := connect(t, "tcp4", "127.0.0.1:0", "")
			for _, host := range c.outer {
				if _, err := r.Register(workload.Spec{Resource: parse(t, host), PID: os.Getpid(), Start: self}); err != nil {
					t.Fatal(err)
				}
			}
			for _, host := range c.inner {
				conn.register(t, r, host)
			}
			got, err := r.ByConnection(t.Context(), conn.conn.RemoteAddr(), conn.conn.LocalAddr())
			if c.want == "" {
				if !errors.Is(err, workload.ErrUnknownCaller) || got.Workload != nil {
					t.Fatalf("got %v", err)
				}
				return
			}
			if err != nil || !got.Workload.Resource.Equal(parse(t, c.want)) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// What the connection remembers follows the registrations and the processes.
func TestARememberedConnectionIsAskedAgain(t *testing.T) {
	r, clock := newRegistry(t, "")
	c := connect(t, "tcp4", "127.0.0.1:0", "")
	ctx := workload.WithPeer(t.Context(), c.conn.RemoteAddr(), c.conn.LocalAddr())
	if _, err := r.ByContext(ctx); !errors.Is(err, workload.ErrUnknownCaller) {
		t.Fatalf("before: %v", err)
	}
	reg := c.register(t, r, vm1)
	if got, err := r.ByContext(ctx); err != nil || !got.Workload.Resource.Equal(parse(t, vm1)) {
		t.Fatalf("registered: %v", err)
	}
	if err := r.Release(reg.Handle); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ByContext(ctx); !errors.Is(err, workload.ErrUnknownCaller) {
		t.Fatalf("released: %v", err)
	}
	c.register(t, r, vm2)
	got, err := r.ByContext(ctx)
	if err != nil || !got.Workload.Resource.Equal(parse(t, vm2)) {
		t.Fatalf("registered anew: %v", err)
	}
	c.quit()
	clock.at = clock.at.Add(time.Second)
	if _, err := r.ByContext(ctx); !errors.Is(err, workload.ErrUnknownCaller) {
		t.Fatalf("after its end: %v", err)
	}
}

// L-10: the machine of --imds-host answers for everybody, until somebody registers.
func TestIMDSHostServesOnlyWithoutRegistrations(t *testing.T) {
	r, _ := newRegistry(t, vm1)
	c := connect(t, "tcp4", "127.0.0.1:0", "")
	find := func() (workload.Caller, error) {
		return r.ByConnection(t.Context(), c.conn.RemoteAddr(), c.conn.LocalAddr())
	}
	got, err := find()
	if err != nil || !got.Workload.Resource.Equal(parse(t, vm1)) || got.Process.PID != c.cmd.Process.Pid {
		t.Fatalf("without: %v", err)
	}
	if err := r.Confirm(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	cmd, start := child(t)
	if _, err := r.Register(workload.Spec{Resource: parse(t, vm2), PID: cmd.Process.Pid, Start: start}); err != nil {
		t.Fatal(err)
	}
	if _, err := find(); !errors.Is(err, workload.ErrUnknownCaller) {
		t.Fatalf("with another's registration: %v", err)
	}
}

// A far end on another machine, or none, is nobody.
func TestAForeignAddressIsNobody(t *testing.T) {
	r, _ := newRegistry(t, "")
	c := connect(t, "tcp4", "127.0.0.1:0", "")
	c.register(t, r, vm1)
	local := c.conn.LocalAddr()
	for _, remote := range []net.Addr{
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1},
		local, &net.UnixAddr{Name: "x", Net: "unix"},
	} {
		if _, err := r.ByConnection(t.Context(), remote, local); !errors.Is(err, workload.ErrUnknownCaller) {
			t.Errorf("%v: %v", remote, err)
		}
	}
}
