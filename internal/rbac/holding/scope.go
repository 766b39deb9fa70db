package holding

import (
	"encoding/binary"
	"hash/maphash"
	"strings"

	"github.com/sealring/sealring/internal/resource"
)

// Ref is where a scope is kept.
type Ref uint32

// chunkBits is the logarithm of the size of a piece of the memory that scopes are kept in.
const chunkBits = 18

// scopes keeps scopes as the number of a template and the names in it. Most scopes share
// their templates, so one takes a few bytes more than its names. What is written never
// changes: views of it stay valid while more is appended.
type scopes struct {
	view
	numbers map[string]uint32 // of templates, by their written pieces
	table   []Ref             // open addressing by hash of the key; 0 is free
	count   int
	slabs   [][]byte // memory for many pieces each, once there are many
	free    []byte   // of the last slab
}

// slabBits is the logarithm of the number of pieces that are made at once, once there are so many.
const slabBits = 5

// view is what readers need of scopes.
type view struct {
	chunks    [][]byte // ref counts bytes over all of them; no scope crosses a border
	templates []template
}

// template is the literal pieces of scopes: /subscriptions/…/resourceGroups/ · /providers/Microsoft.Web/sites/ · "".
type template struct {
	folded  string // all pieces in a row, in lower case
	first   [5]uint16
	count   int      // of pieces
	further []uint16 // where the pieces end that have no room in first
	depth   int
	written string // as folded, with the letters as first written
}

// end is where a piece ends.
func (t *template) end(i int) int {
	if i < len(t.first) {
		return int(t.first[i])
	}
	return int(t.further[i-len(t.first)])
}

// dissect cuts a scope into the pieces of its template and its names. The id of a
// subscription belongs to the template, since many scopes share it.
func dissect(scope resource.ID) (pieces, names []string) {
	rest := scope.String()
	if scope.IsRoot() {
		return []string{"/"}, nil
	}
	segments := strings.Split(rest[1:], "/")
	at := 0
	piece := ""
	if scope.Subscription() != "" {
		piece, at = "/"+segments[0]+"/"+segments[1], 2
		if len(segments) > 3 && strings.EqualFold(segments[2], "resourceGroups") {
			pieces, names, piece, at = append(pieces, piece+"/"+segments[2]+"/"), append(names, segments[3]), "", 4
		}
	}
	for at+1 < len(segments) {
		piece += "/" + segments[at]
		if strings.EqualFold(segments[at], "providers") {
			piece += "/" + segments[at+1]
			at += 2
			continue
		}
		pieces, names, piece = append(pieces, piece+"/"), append(names, segments[at+1]), ""
		at += 2
	}
	return append(pieces, piece), names
}

// intern returns the place of a scope, keeping it if it is new.
func (s *scopes) intern(scope resource.ID) Ref {
	if s.count*4 >= len(s.table)*3 {
		s.grow()
	}
	key := scope.Key()
	slot := s.slot(key)
	if s.table[slot] == 0 {
		s.table[slot] = s.keep(scope)
		s.count++
	}
	return s.table[slot]
}

// slot returns where in the table the scope is, or could be put.
func (s *scopes) slot(key string) int {
	mask := len(s.table) - 1
	slot := int(maphash.String(seed, key)) & mask
	for s.table[slot] != 0 && !s.is(s.table[slot], key) {
		slot = (slot + 1) & mask
	}
	return slot
}

// grow doubles the table.
func (s *scopes) grow() {
	old := s.table
	s.table = make([]Ref, max(2*len(old), 64))
	for _, ref := range old {
		if ref != 0 {
			s.table[s.slot(strings.ToLower(s.text(ref)))] = ref
		}
	}
}

// keep appends a scope.
func (s *scopes) keep(scope resource.ID) Ref {
	pieces, names := dissect(scope)
	joined := strings.Join(pieces, "\x00")
	number, known := s.numbers[joined]
	if !known {
		if s.numbers == nil {
			s.numbers = map[string]uint32{}
		}
		number = uint32(len(s.templates))
		t := template{written: strings.Join(pieces, ""), depth: Depth(scope.Key())}
		t.folded = strings.ToLower(t.written)
		end := 0
		for i, p := range pieces {
			end += len(p)
			if t.count++; i < len(t.first) {
				t.first[i] = uint16(end)
			} else {
				t.further = append(t.further, uint16(end))
			}
		}
		s.templates = append(s.templates, t)
		s.numbers[joined] = number
	}
	record := binary.AppendUvarint(nil, uint64(number))
	for _, n := range names {
		record = append(binary.AppendUvarint(record, uint64(len(n))), n...)
	}
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last])+len(record) > 1<<chunkBits {
		s.chunks = append(s.chunks, s.piece())
		last++
		if last == 0 {
			s.chunks[0] = append(s.chunks[0], 0) // no scope has place 0
		}
	}
	ref := Ref(last<<chunkBits | len(s.chunks[last]))
	s.chunks[last] = append(s.chunks[last], record...)
	return ref
}

// piece makes an empty piece. The first ones are small pieces of memory each, so that a few
// scopes take little; the later ones come from memory that is made for many.
func (s *scopes) piece() []byte {
	if len(s.chunks) < 1<<slabBits {
		return make([]byte, 0, 1<<chunkBits)
	}
	if len(s.free) == 0 {
		s.free = make([]byte, 1<<(chunkBits+slabBits))
		s.slabs = append(s.slabs, s.free)
	}
	piece := s.free[: 0 : 1<<chunkBits]
	s.free = s.free[1<<chunkBits:]
	return piece
}

// widen asks for large pages under the slabs.
func (s *scopes) widen() {
	for _, slab := range s.slabs {
		widen(slab)
	}
}

// record returns the bytes from the place on.
func (v *view) record(ref Ref) []byte {
	return v.chunks[ref>>chunkBits][ref&(1<<chunkBits-1):]
}

// next takes a number off a record.
func next(record []byte) (int, []byte) {
	if record[0] < 0x80 {
		return int(record[0]), record[1:]
	}
	n, width := binary.Uvarint(record)
	return int(n), record[width:]
}

// is reports whether the scope at ref has the key.
func (v *view) is(ref Ref, key string) bool {
	number, rest := next(v.record(ref))
	t := &v.templates[number]
	from := 0
	for i := range t.count {
		end := t.end(i)
		p := t.folded[from:end]
		if len(key) < len(p) || key[:len(p)] != p {
			return false
		}
		key, from = key[len(p):], end
		if i == t.count-1 {
			break
		}
		var n int
		n, rest = next(rest)
		if len(key) < n || !folds(rest[:n], key[:n]) {
			return false
		}
		key, rest = key[n:], rest[n:]
	}
	return key == ""
}

// folds reports whether a name is spelled so in lower case.
func folds(name []byte, lower string) bool {
	if string(name) == lower {
		return true
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// depth is the depth of the scope at ref.
func (v *view) depth(ref Ref) int {
	number, _ := next(v.record(ref))
	return v.templates[number].depth
}

// text spells the scope at ref as it was written.
func (v *view) text(ref Ref) string {
	number, rest := next(v.record(ref))
	t := &v.templates[number]
	var b strings.Builder
	from := 0
	for i := range t.count {
		end := t.end(i)
		b.WriteString(t.written[from:end])
		from = end
		if i == t.count-1 {
			break
		}
		var n int
		n, rest = next(rest)
		b.Write(rest[:n])
		rest = rest[n:]
	}
	return b.String()
}
