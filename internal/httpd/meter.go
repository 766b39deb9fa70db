package httpd

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// bounds are the upper bounds of the classes by which a Meter sorts how long requests took.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond,
	50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 10 * time.Second,
}

// Meter counts requests by room and status, and how long they took. It reaches Wrap by the
// logger: through an AccessLog that has it, or a Metered handler. Its zero value is ready, and
// it is safe for concurrent use.
type Meter struct {
	mu    sync.Mutex // guards rooms
	rooms map[string]*roomMeter
}

// roomMeter counts the requests of one room.
type roomMeter struct {
	status  [6]atomic.Uint64 // by hundreds
	micros  atomic.Uint64
	classes [len(bounds) + 1]atomic.Uint64
}

// Metered is a slog.Handler that brings a Meter to Wrap.
type Metered struct {
	slog.Handler
	Meter *Meter
}

// meterOf returns the counts of a room, nil where nobody counts.
func meterOf(h slog.Handler, room string) *roomMeter {
	var m *Meter
	switch h := h.(type) {
	case *AccessLog:
		m = h.meter
	case Metered:
		m = h.Meter
	}
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rooms == nil {
		m.rooms = map[string]*roomMeter{}
	}
	if m.rooms[room] == nil {
		m.rooms[room] = &roomMeter{}
	}
	return m.rooms[room]
}

// count takes note of an answered request.
func (m *roomMeter) count(status int, took time.Duration) {
	if m == nil {
		return
	}
	m.status[min(max(status/100, 0), 5)].Add(1)
	m.micros.Add(uint64(max(took.Microseconds(), 0)))
	class, _ := slices.BinarySearch(bounds[:], took)
	m.classes[class].Add(1)
}

// RoomCounts is what a Meter knows of one room.
type RoomCounts struct {
	Room string
	// Status counts answers by their first digit, 1 to 5.
	Status [6]uint64
	// Seconds is the sum of how long requests took.
	Seconds float64
	// Within counts requests that took at most so many seconds.
	Within map[float64]uint64
	Total  uint64
}

// Rooms returns the counts so far, by room.
func (m *Meter) Rooms() []RoomCounts {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []RoomCounts
	for name, room := range m.rooms {
		c := RoomCounts{Room: name, Within: map[float64]uint64{}}
		for i := range room.status {
			c.Status[i] = room.status[i].Load()
		}
		for i, b := range bounds {
			c.Total += room.classes[i].Load()
			c.Within[b.Seconds()] = c.Total
		}
		c.Total += room.classes[len(bounds)].Load()
		c.Seconds = float64(room.micros.Load()) / 1e6
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b RoomCounts) int { return strings.Compare(a.Room, b.Room) })
	return out
}
