package workload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// socket is what the kernel says of one end of a TCP connection.
type socket struct {
	inode uint64
	uid   int
}

// errNoSocket is a connection whose far end is not on this machine, or is gone.
var errNoSocket = fmt.Errorf("%w: no process on this machine holds the connection", ErrUnknownCaller)

// Constants of linux/sock_diag.h, linux/inet_diag.h and net/tcp_states.h.
const (
	sockDiagByFamily = 20
	diagRequestSize  = 16 + 56
	diagReplySize    = 16 + 72
)

// openStates are the states in which the far end can still read an answer: established,
// half closed by it (FIN_WAIT1, FIN_WAIT2), half closed by us (CLOSE_WAIT). Never a listener.
var openStates = map[byte]bool{1: true, 4: true, 5: true, 8: true}

// findSocket returns the socket whose own address is remote and whose peer is local: the
// caller's end. Socket diagnostics are asked first, /proc/net where a sandbox forbids
// them. Errors: ErrUnknownCaller.
func findSocket(remote, local netip.AddrPort) (socket, error) {
	s, err := askDiag(remote, local)
	if err == nil || errors.Is(err, ErrUnknownCaller) {
		return s, err
	}
	return searchTables(remote, local)
}

// askDiag asks NETLINK_SOCK_DIAG for exactly one connection (sock_diag(7)).
func askDiag(remote, local netip.AddrPort) (socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return socket{}, fmt.Errorf("open socket diagnostics: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	timeout := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return socket{}, fmt.Errorf("set up socket diagnostics: %w", err)
	}
	request := diagRequest(remote, local)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return socket{}, fmt.Errorf("ask socket diagnostics: %w", err)
	}
	var reply [1024]byte
	n, from, err := unix.Recvfrom(fd, reply[:], 0)
	if err != nil {
		return socket{}, fmt.Errorf("read socket diagnostics: %w", err)
	}
	if k, ok := from.(*unix.SockaddrNetlink); !ok || k.Pid != 0 {
		return socket{}, errors.New("socket diagnostics did not come from the kernel")
	}
	return parseDiag(reply[:n], request[24:24+40])
}

// diagRequest builds struct nlmsghdr and struct inet_diag_req_v2. Numbers are in the
// machine's order, ports and addresses in the network's.
func diagRequest(remote, local netip.AddrPort) []byte {
	b := make([]byte, diagRequestSize)
	o := binary.NativeEndian
	o.PutUint32(b[0:], diagRequestSize)
	o.PutUint16(b[4:], sockDiagByFamily)
	o.PutUint16(b[6:], unix.NLM_F_REQUEST)
	b[16] = unix.AF_INET6
	if remote.Addr().Is4() {
		b[16] = unix.AF_INET
	}
	b[17] = unix.IPPROTO_TCP
	o.PutUint32(b[20:], 0xffffffff) // all states; parseDiag chooses
	binary.BigEndian.PutUint16(b[24:], remote.Port())
	binary.BigEndian.PutUint16(b[26:], local.Port())
	copy(b[28:44], remote.Addr().AsSlice())
	copy(b[44:60], local.Addr().AsSlice())
	o.PutUint32(b[64:], 0xffffffff) // INET_DIAG_NOCOOKIE
	o.PutUint32(b[68:], 0xffffffff)
	return b
}

// parseDiag reads struct inet_diag_msg and checks that it speaks of the connection asked
// for: asked holds its ports and the addresses, as sent.
func parseDiag(b, asked []byte) (socket, error) {
	o := binary.NativeEndian
	if len(b) < 20 {
		return socket{}, errors.New("socket diagnostics are cut off")
	}
	switch kind := o.Uint16(b[4:]); kind {
	case unix.NLMSG_ERROR:
		errno := unix.Errno(-int32(o.Uint32(b[16:])))
		if errno == unix.ENOENT {
			return socket{}, errNoSocket
		}
		return socket{}, fmt.Errorf("socket diagnostics: %w", errno)
	case sockDiagByFamily:
	default:
		return socket{}, fmt.Errorf("socket diagnostics: message of type %d", kind)
	}
	if len(b) < diagReplySize {
		return socket{}, errors.New("socket diagnostics are cut off")
	}
	m := b[16:]
	s := socket{uid: int(o.Uint32(m[64:])), inode: uint64(o.Uint32(m[68:]))}
	if !openStates[m[1]] || s.inode == 0 || !sameConnection(m[4:44], asked, m[0]) {
		return socket{}, errNoSocket
	}
	return s, nil
}

// sameConnection compares the ports and addresses of an answer with those asked for. An
// IPv6 socket may speak IPv4, and then answers with mapped addresses.
func sameConnection(got, asked []byte, family byte) bool {
	if string(got[0:4]) != string(asked[0:4]) {
		return false
	}
	if string(got[4:36]) == string(asked[4:36]) {
		return true
	}
	if family != unix.AF_INET6 {
		return string(got[4:8]) == string(asked[4:8]) && string(got[20:24]) == string(asked[20:24])
	}
	mapped := func(off int) bool {
		a := netip.AddrFrom16([16]byte(got[off : off+16]))
		return a.Is4In6() && a.Unmap() == netip.AddrFrom4([4]byte(asked[off:off+4]))
	}
	return mapped(4) && mapped(20)
}

// searchTables looks the connection up in /proc/net/tcp and tcp6 (proc_net(5)).
func searchTables(remote, local netip.AddrPort) (socket, error) {
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // no IPv6 here
		}
		if err != nil {
			return socket{}, fmt.Errorf("%w: %w", ErrUnknownCaller, err)
		}
		if s, ok := searchTable(string(text), remote, local); ok {
			return s, nil
		}
	}
	return socket{}, errNoSocket
}

// searchTable is the pure half of searchTables.
func searchTable(text string, remote, local netip.AddrPort) (socket, bool) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 10 {
			continue
		}
		from, ok1 := parseTableAddr(f[1])
		to, ok2 := parseTableAddr(f[2])
		if !ok1 || !ok2 || from != remote || to != local {
			continue
		}
		state, err1 := strconv.ParseUint(f[3], 16, 8)
		uid, err2 := strconv.Atoi(f[7])
		inode, err3 := strconv.ParseUint(f[9], 10, 64)
		if err1 == nil && err2 == nil && err3 == nil && openStates[byte(state)] && inode != 0 {
			return socket{inode: inode, uid: uid}, true
		}
	}
	return socket{}, false
}

// parseTableAddr reads an address of /proc/net/tcp: words of 32 bits in the machine's
// order, in hexadecimal, and the port.
func parseTableAddr(s string) (netip.AddrPort, bool) {
	hex, port, ok := strings.Cut(s, ":")
	if !ok || len(hex) != 8 && len(hex) != 32 {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	raw := make([]byte, 0, 16)
	for i := 0; i < len(hex); i += 8 {
		word, err := strconv.ParseUint(hex[i:i+8], 16, 32)
		if err != nil {
			return netip.AddrPort{}, false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	a, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}
