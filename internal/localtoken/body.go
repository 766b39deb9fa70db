package localtoken

import (
	"io"
	"net/http"
)

// MaxBody is the largest request body that is tolerated, in bytes; none is needed (TE §9).
const MaxBody = 8 << 10

// DiscardBody reads a body that nobody asked for to its end, so that the connection can
// be used again, or refuses it. Errors: ErrBody.
func DiscardBody(r *http.Request) error {
	switch {
	case r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody:
		return nil
	case r.ContentLength > MaxBody:
		return ErrBody
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, MaxBody+1))
	if err != nil || n > MaxBody {
		return ErrBody
	}
	return nil
}

// CheckFraming refuses a transfer encoding: no client sends one here, and net/http no
// longer shows whether there was a Content-Length beside it (S-60). Errors: ErrFraming.
func CheckFraming(r *http.Request) error {
	if len(r.TransferEncoding) > 0 {
		return ErrFraming
	}
	return nil
}
