package httpd

import (
	"bytes"
	"net"
	"strconv"
	"strings"
)

// Framed wraps a listener so that each of its connections refuses requests whose framing
// can be read in two ways and that net/http reads in one (S-60, RFC 9112 §5.2 and §6.3): a
// length beside a transfer coding, a length twice, a coding in HTTP/1.0, a header continued
// on another line, and names of security-relevant headers with underscores, which some
// proxies take for hyphens. What net/http refuses itself is left to it.
func Framed(ln net.Listener) net.Listener { return &framedListener{Listener: ln} }

// FramedProxy is Framed for a proxy: what follows a CONNECT belongs to the tunnel. A proxy
// must close a connection on which it refused one.
func FramedProxy(ln net.Listener) net.Listener { return &framedListener{Listener: ln, tunnels: true} }

// framedListener is Framed's listener.
type framedListener struct {
	net.Listener
	tunnels bool
}

// Accept waits for a connection and has its framing watched.
func (l *framedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newFramedConn(c, l.tunnels), nil
}

// poison stands where a refused message does not end: a header line without a colon, at
// which net/http answers 400, in its turn behind earlier answers, and closes.
const poison = "\x00\r\n\r\n"

// framedConn shows its reader poison in place of what it refuses.
type framedConn struct {
	net.Conn
	framing framing
	refused bool
	rest    string // what is left of poison
}

// newFramedConn wraps c.
func newFramedConn(c net.Conn, tunnels bool) *framedConn {
	return &framedConn{Conn: c, framing: framing{tunnels: tunnels}}
}

// Read reads what is well framed; after a message that is not, nothing of the other side.
func (c *framedConn) Read(p []byte) (int, error) {
	if c.refused {
		if c.rest == "" {
			return 0, net.ErrClosed
		}
		n := copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	bad := c.framing.see(p[:n])
	if bad < 0 {
		return n, err
	}
	c.refused, c.rest = true, poison
	if bad > 0 {
		return bad, nil
	}
	return c.Read(p)
}

// NetConn returns the connection underneath.
func (c *framedConn) NetConn() net.Conn { return c.Conn }

// CloseWrite ends the sending half where the connection has one, so that a refusal arrives.
func (c *framedConn) CloseWrite() error { return closeWrite(c.Conn) }

// closeWrite ends the sending half of c where its kind has one.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// What the next byte of a connection belongs to.
const (
	inRequestLine = iota
	inFields
	inContent   // left bytes of it
	inChunkSize // a line
	inChunk     // left bytes of it, its CRLF included
	inTrailer
	inTunnel // nothing is looked at any more
)

// maxHeldLine is how much of a line is kept: more than any header block that is read.
const maxHeldLine = 32 << 10

// framing follows the messages of one connection, without a decision of its own about
// where one ends: where net/http sees an error the connection ends, so what framing
// believes then does not matter.
type framing struct {
	tunnels bool
	state   int
	line    []byte // what earlier reads brought of a line
	left    int64
	head    struct {
		connect, old, chunked bool // CONNECT; no HTTP/1.1; Transfer-Encoding
		length                int64
	}
}

// see follows p and returns where the first byte is that must not be read as it is; -1 if
// there is none.
func (f *framing) see(p []byte) int {
	for i := 0; i < len(p); {
		switch f.state {
		case inTunnel:
			return -1
		case inContent, inChunk:
			n := min(f.left, int64(len(p)-i))
			i += int(n)
			if f.left -= n; f.left == 0 {
				f.state = map[bool]int{true: inRequestLine, false: inChunkSize}[f.state == inContent]
			}
			continue
		case inFields, inTrailer:
			if len(f.line) == 0 && (p[i] == ' ' || p[i] == '\t') {
				return i // a continued header
			}
		}
		end := bytes.IndexByte(p[i:], '\n')
		if end < 0 {
			f.keep(p[i:])
			return -1
		}
		line := p[i : i+end]
		if len(f.line) > 0 {
			f.keep(line)
			line = f.line
		}
		i += end
		if !f.ended(bytes.TrimSuffix(line, []byte("\r"))) {
			return i
		}
		f.line = f.line[:0]
		i++
	}
	return -1
}

// keep adds to the line that has not ended yet.
func (f *framing) keep(p []byte) {
	f.line = append(f.line, p[:min(len(p), maxHeldLine-len(f.line))]...)
}

// ended takes a whole line; false refuses the message.
func (f *framing) ended(line []byte) bool {
	switch f.state {
	case inRequestLine:
		line = bytes.TrimLeft(line, "\r") // net/http forgives empty lines behind a POST
		if len(line) == 0 {
			return true
		}
		f.head.connect, f.head.old = bytes.HasPrefix(line, []byte("CONNECT ")), !bytes.HasSuffix(line, []byte(" HTTP/1.1"))
		f.head.chunked, f.head.length = false, -1
		f.state = inFields
	case inFields:
		if len(line) == 0 {
			return f.headEnded()
		}
		return f.field(line)
	case inChunkSize:
		f.chunk(line)
	case inTrailer:
		if len(line) == 0 {
			f.state = inRequestLine
		}
	}
	return true
}

// ambiguous are header names that decide over framing or about the caller, as they look
// where underscores and hyphens are one.
var ambiguous = []string{
	"content-length", "transfer-encoding", "x-identity-header", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
	"x-real-ip", "proxy-authorization",
}

// field takes one header line.
func (f *framing) field(line []byte) bool {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return true // net/http refuses it
	}
	switch {
	case bytes.EqualFold(name, []byte("Content-Length")):
		n, err := strconv.ParseInt(string(bytes.Trim(value, " \t")), 10, 64)
		if err != nil {
			return true // as above
		}
		if f.head.length >= 0 {
			return false
		}
		f.head.length = n
	case bytes.EqualFold(name, []byte("Transfer-Encoding")):
		f.head.chunked = true
	case bytes.IndexByte(name, '_') >= 0:
		hyphens := strings.ReplaceAll(string(name), "_", "-")
		for _, a := range ambiguous {
			if strings.EqualFold(hyphens, a) {
				return false
			}
		}
	}
	return true
}

// headEnded decides what follows the headers.
func (f *framing) headEnded() bool {
	switch h := f.head; {
	case h.chunked && (h.length >= 0 || h.old):
		return false
	case h.connect && f.tunnels:
		f.state = inTunnel
	case h.chunked:
		f.state = inChunkSize
	case h.length > 0:
		f.state, f.left = inContent, h.length
	default:
		f.state = inRequestLine
	}
	return true
}

// chunk takes the line before a chunk.
func (f *framing) chunk(line []byte) {
	size, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimRight(size, " \t")), 16, 62)
	switch {
	case err != nil:
		f.state = inTunnel // net/http refuses it
	case n == 0:
		f.state = inTrailer
	default:
		f.state, f.left = inChunk, int64(n)+2
	}
}
