package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Bounds of an AccessLog. A line is late by lingerFor at most, unless the output is slower
// than the requests are.
const (
	lingerFor  = 10 * time.Millisecond
	wakeAt     = 64 << 10 // bytes: written at once
	bufferMost = 1 << 20  // bytes: requests wait for the output
	waitMost   = time.Second
)

// AccessLog is a slog.Handler that takes the access lines of Wrap out of the requests'
// way: they are encoded here, as JSON of the same shape as slog.JSONHandler's, collected,
// and written together by Run. Everything else goes to the wrapped handler at once, so an
// access line may follow a later line of another kind; each has its time.
//
// No line is lost while the process ends in order: requests wait while the buffer is full,
// Run writes what is left when its context ends, and without Run every line is written by
// its request. A line is dropped only when the output has stood still for a second with
// the buffer full; the next line that is written is preceded by their count. What a crash
// takes are the lines of the last moment; the audit log does not depend on them.
type AccessLog struct {
	slog.Handler

	out   io.Writer
	meter *Meter
	now   func() time.Time
	lines sync.Pool     // of *[]byte, one line each
	some  chan struct{} // holds a token when there is something to write
	many  chan struct{} // holds a token when it should be written at once

	mu      sync.Mutex // guards what follows
	room    *sync.Cond // the buffer was taken or Run ended
	running bool
	buffer  []byte
	spare   []byte // the buffer that was written last
	stuck   bool   // a request has waited in vain; those behind it do not wait
	dropped int64
}

// AccessLogConfig names what an AccessLog needs.
type AccessLogConfig struct {
	// Handler takes all other lines, and says which levels are enabled.
	Handler slog.Handler
	// Out gets the access lines. It may be the same file as Handler's: whole lines are written.
	Out io.Writer
	// Now is the clock.
	Now func() time.Time
	// Meter counts requests; nil: nobody does.
	Meter *Meter
}

// NewAccessLog returns an AccessLog that writes directly until Run is called.
func NewAccessLog(c AccessLogConfig) (*AccessLog, error) {
	if c.Handler == nil || c.Out == nil || c.Now == nil {
		return nil, errors.New("httpd: Handler, Out and Now are needed")
	}
	l := &AccessLog{Handler: c.Handler, out: c.Out, meter: c.Meter, now: c.Now, some: make(chan struct{}, 1), many: make(chan struct{}, 1)}
	l.room = sync.NewCond(&l.mu)
	return l, nil
}

// Run writes collected lines until ctx ends, and then what is left. Failures of the output
// are not reported: there is nowhere to report them to, and serving goes on.
func (l *AccessLog) Run(ctx context.Context) error {
	l.mu.Lock()
	l.running = true
	l.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
		case <-l.some:
			linger := time.NewTimer(lingerFor)
			select {
			case <-linger.C:
			case <-l.many:
				linger.Stop()
			case <-ctx.Done():
			}
		}
		if ctx.Err() != nil {
			l.mu.Lock()
			l.running = false
			l.mu.Unlock()
			l.flush()
			return nil
		}
		l.flush()
	}
}

// flush writes the buffer. Only Run calls it.
func (l *AccessLog) flush() {
	l.mu.Lock()
	full := l.buffer
	l.buffer, l.spare = l.spare[:0], nil
	l.stuck = false
	l.room.Broadcast()
	l.mu.Unlock()
	if len(full) > 0 {
		_, _ = l.out.Write(full)
	}
	l.mu.Lock()
	l.spare = full[:0]
	l.mu.Unlock()
}

// add queues one line, or writes it where nobody else would.
func (l *AccessLog) add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running && len(l.buffer)+len(line) > bufferMost {
		l.await(len(line))
	}
	switch {
	case !l.running:
		_, _ = l.out.Write(line)
		return
	case len(l.buffer)+len(line) > bufferMost:
		l.dropped++
		return
	case len(l.buffer) == 0:
		signal(l.some)
	}
	if l.dropped > 0 {
		l.buffer = append(l.now().AppendFormat(append(l.buffer, `{"time":"`...), time.RFC3339Nano),
			`","level":"WARN","msg":"access lines were dropped: the output of the log stood still","count":`...)
		l.buffer = append(strconv.AppendInt(l.buffer, l.dropped, 10), "}\n"...)
		l.dropped = 0
	}
	l.buffer = append(l.buffer, line...)
	if len(l.buffer) >= wakeAt {
		signal(l.many)
	}
}

// await waits until n bytes fit, for at most waitMost and only if nobody waited in vain
// since the last write. The lock is held.
func (l *AccessLog) await(n int) {
	signal(l.many)
	late := time.AfterFunc(waitMost, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.stuck = true
		l.room.Broadcast()
	})
	defer late.Stop()
	for l.running && !l.stuck && len(l.buffer)+n > bufferMost {
		l.room.Wait()
	}
}

// signal leaves a token where there is none.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// access is one access line.
type access struct {
	level                    slog.Level
	room, method, host, path string
	status                   int
	bytes                    int64
	took                     time.Duration
	at                       time.Time
	ev                       *event
	err                      error
}

// write encodes and queues a.
func (l *AccessLog) write(a *access) {
	buf, _ := l.lines.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	*buf = a.appendJSON((*buf)[:0])
	l.add(*buf)
	l.lines.Put(buf)
}

// appendJSON appends a as a line.
func (a *access) appendJSON(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = a.at.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, a.level.String()...)
	b = append(b, `","msg":"request","room":"`...)
	b = append(b, a.room...)
	b = append(b, '"')
	b = appendMember(b, "method", a.method)
	b = appendMember(b, "host", clip(a.host))
	b = appendMember(b, "path", clip(a.path))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, a.bytes, 10)
	b = append(b, `,"took_us":`...)
	b = strconv.AppendInt(b, a.took.Microseconds(), 10)
	b = appendMember(b, "request_id", a.ev.requestID)
	b = appendMember(b, "correlation_id", a.ev.correlationID)
	for _, n := range a.ev.noted() {
		b = appendMember(b, n.key, n.value)
	}
	if a.err != nil {
		b = appendMember(b, "err", clip(a.err.Error()))
	}
	return append(b, "}\n"...)
}

// appendMember appends a member whose name needs no escape.
func appendMember(b []byte, name, value string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":`...)
	for i := range len(value) {
		if c := value[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			text, err := json.Marshal(value) // of a string: cannot fail
			if err != nil {
				text = []byte(`""`)
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, value...)
	return append(b, '"')
}
