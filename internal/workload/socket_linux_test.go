package workload

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// Both ways to find a socket agree, for IPv4, IPv6 and IPv4 spoken by an IPv6 socket.
func TestDiagnosticsAndTablesAgree(t *testing.T) {
	if InNamespace(t) {
		return
	}
	for _, c := range []struct{ listen, dial string }{{"127.0.0.1:0", "tcp4"}, {"[::1]:0", "tcp6"}} {
		ln, err := net.Listen("tcp", c.listen)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.Dial(c.dial, ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		remote := normal(conn.LocalAddr().(*net.TCPAddr).AddrPort())
		local := normal(conn.RemoteAddr().(*net.TCPAddr).AddrPort())
		table, err := searchTables(remote, local)
		if err != nil || table.inode == 0 || table.uid != os.Getuid() {
			t.Fatalf("%s: tables: %+v %v", c.listen, table, err)
		}
		diag, err := askDiag(remote, local)
		if err != nil || diag != table {
			t.Fatalf("%s: diagnostics: %+v, tables %+v, %v", c.listen, diag, table, err)
		}
		_ = conn.Close()
		_ = ln.Close()
		if s, err := findSocket(remote, local); err == nil {
			t.Fatalf("closed: %+v", s)
		}
	}
}

func TestSearchTableReadsOnlyOpenConnectionsOfThatPair(t *testing.T) {
	remote, local := netip.MustParseAddrPort("127.0.0.1:5000"), netip.MustParseAddrPort("127.0.0.1:80")
	line := func(from, to, state, inode string) string {
		return " 0: " + from + " " + to + " " + state + " 0:0 00:0 0  1000 0 " + inode + " 1 0\n"
	}
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"established":        {line("0100007F:1388", "0100007F:0050", "01", "77"), true},
		"half closed":        {line("0100007F:1388", "0100007F:0050", "05", "77"), true},
		"mapped":             {line("0000000000000000FFFF00000100007F:1388", "0000000000000000FFFF00000100007F:0050", "01", "77"), true},
		"listening":          {line("0100007F:1388", "0100007F:0050", "0A", "77"), false},
		"the other end":      {line("0100007F:0050", "0100007F:1388", "01", "77"), false},
		"nobody's":           {line("0100007F:1388", "0100007F:0050", "01", "0"), false},
		"another port":       {line("0100007F:1389", "0100007F:0050", "01", "77"), false},
		"nothing":            {"", false},
		"not hexadecimal":    {line("zz00007F:1388", "0100007F:0050", "01", "77"), false},
		"a line cut off":     {"0: 0100007F:1388 0100007F:0050 01\n", false},
		"a listener of both": {line("0100007F:1388", "00000000:0000", "01", "77"), false},
	} {
		s, ok := searchTable(c.text, remote, local)
		if ok != c.want || ok && (s != socket{inode: 77, uid: 1000}) {
			t.Errorf("%s: %+v %v", name, s, ok)
		}
	}
}

func TestParseStatSurvivesAnyName(t *testing.T) {
	tail := " S 7 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0\n"
	for _, name := range []string{"cat", "a b", "a) R 9 (b", ")", "((("} {
		s, err := parseStat([]byte("12 (" + name + ")" + tail))
		if err != nil || s != (stat{state: 'S', parent: 7, start: 4242}) {
			t.Errorf("%q: %+v %v", name, s, err)
		}
	}
	for _, text := range []string{"", "12 (cat", "12 (cat) S 7", "12 (cat) S x 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0"} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q parses", text)
		}
	}
}

func TestParseUnit(t *testing.T) {
	container := "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for text, want := range map[string]string{
		"0::/system.slice/nginx.service\n":                                  "nginx.service",
		"0::/user.slice/user-1000.slice/session-2.scope\n":                  "session-2.scope",
		"0::/system.slice/docker-" + container + ".scope\n":                 "docker-" + container + ".scope",
		"0::/system.slice/a.service/inner\n":                                "a.service",
		"12:pids:/docker/" + container + "\n0::/docker/" + container + "\n": container,
		"9:name=systemd:/system.slice/b.service\n0::/\n":                    "b.service",
		"0::/\n": "", "": "",
	} {
		if got := parseUnit(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// S-8 (a): the id of an ended process, given to another one, is not the process.
func TestAReusedProcessIDIsAnotherProcess(t *testing.T) {
	start, err := StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p, err := pin(ref{os.Getpid(), start})
	if err != nil || !p.alive() {
		t.Fatal(err)
	}
	p.release()
	if p.alive() {
		t.Fatal("a released process is taken for alive")
	}
	if _, err := pin(ref{os.Getpid(), start - 1}); err == nil {
		t.Fatal("another start time is taken for the same process")
	}
	withoutHandle := &process{ref: ref{os.Getpid(), start - 1}, fd: -1}
	if withoutHandle.alive() {
		t.Fatal("without a descriptor, another start time is taken for the same process")
	}
	chain, err := ancestry(ref{os.Getpid(), start})
	if err != nil || len(chain) < 2 || chain[1].pid != os.Getppid() {
		t.Fatalf("ancestry %v %v", chain, err)
	}
	if _, err := ancestry(ref{os.Getpid(), start - 1}); err == nil {
		t.Fatal("ancestry of a process that is no more")
	}
}
