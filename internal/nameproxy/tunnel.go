package nameproxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// established is the answer to an accepted CONNECT.
const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// takeOver makes the client's connection ours, answers 200, and returns it together with
// what the client sent ahead. It returns nil when the connection cannot be had or is gone.
func (s *server) takeOver(w http.ResponseWriter) (net.Conn, io.Reader) {
	h, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "sealring: CONNECT needs HTTP/1.1", http.StatusHTTPVersionNotSupported)
		return nil, nil
	}
	near, buffered, err := h.Hijack()
	if err != nil {
		return nil, nil
	}
	if !s.track(near) {
		return nil, nil
	}
	if _, err := io.WriteString(near, established); err != nil {
		s.forget(near)
		return nil, nil
	}
	return near, ahead(near, buffered.Reader)
}

// ahead reads first what is buffered, then the connection itself.
func ahead(c net.Conn, r *bufio.Reader) io.Reader {
	if r.Buffered() == 0 {
		return c
	}
	return io.MultiReader(io.LimitReader(r, int64(r.Buffered())), c)
}

// tunnel carries bytes both ways until either side fails, both have ended, or nothing has
// moved for the idle time.
func (s *server) tunnel(w http.ResponseWriter, far net.Conn) {
	if !s.track(far) {
		return
	}
	defer s.forget(far)
	near, fromNear := s.takeOver(w)
	if near == nil {
		return
	}
	defer s.forget(near)
	idle := time.AfterFunc(s.idleTimeout, func() { _, _ = near.Close(), far.Close() })
	defer idle.Stop()
	var both sync.WaitGroup
	both.Go(func() { s.pump(far, near, fromNear, idle) })
	both.Go(func() { s.pump(near, far, far, idle) })
	both.Wait()
}

// pump copies from to dst. At the end of the data it ends dst's half; on a failure it closes both.
func (s *server) pump(dst, src net.Conn, from io.Reader, idle *time.Timer) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			idle.Reset(s.idleTimeout)
			if _, werr := dst.Write(buffer[:n]); werr != nil {
				_, _ = dst.Close(), src.Close()
				return
			}
		}
		if err == io.EOF && closeWrite(dst) == nil {
			return
		}
		if err != nil {
			_, _ = dst.Close(), src.Close()
			return
		}
	}
}
