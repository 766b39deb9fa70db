// Package holding keeps who holds which role where, compactly and ready for decisions: a
// million principals with three million grants fit in some 100 bytes for each grant.
//
// A Set is immutable and safe for concurrent use. A Book makes Sets: the next one shares
// with the last all but what changed, so that one changed principal costs microseconds,
// whatever the size. Only one goroutine may use a Book at a time.
//
// A decision about somebody whom nobody asked about lately waits twice for memory: for the
// place of the principal, which holds its first grants, and for the scope of the grant.
//
// Grants are found by a keyed hash of their scope and then compared with the scope itself,
// so a collision costs time and never grants anything.
package holding

import (
	"hash/maphash"
	"strings"
)

// Name is the name of an assignment: a GUID as bytes, which order as its text does.
type Name [16]byte

// ParseName reads a GUID in its usual spelling; ok is false for anything else.
func ParseName(text string) (n Name, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return n, false
	}
	bad := byte(0)
	for i, at := range digits {
		high, low := hex[text[at]], hex[text[at+1]]
		n[i] = high<<4 | low&15
		bad |= high | low
	}
	return n, bad < 16
}

// digits is where the bytes of a GUID begin in its text.
var digits = [16]uint8{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// hex is the values of hexadecimal digits; 255 for anything else.
var hex = hexValues()

// hexValues fills hex.
func hexValues() (values [256]byte) {
	for i := range values {
		values[i] = 255
	}
	for i := range 10 {
		values['0'+i] = byte(i)
	}
	for i := range 6 {
		values['a'+i], values['A'+i] = byte(10+i), byte(10+i)
	}
	return values
}

// String spells the name in lower case.
func (n Name) String() string {
	const spelled = "0123456789abcdef"
	var b [36]byte
	at := 0
	for i, c := range n {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b[at] = '-'
			at++
		}
		b[at], b[at+1] = spelled[c>>4], spelled[c&15]
		at += 2
	}
	return string(b[:])
}

// Less reports whether n goes before m.
func (n Name) Less(m Name) bool { return string(n[:]) < string(m[:]) }

// DeepestBit is the number of the bit that the deepest scopes share.
const DeepestBit = 31

// DepthBit is the bit of a depth; everything deeper shares the last one.
func DepthBit(depth int) uint32 { return 1 << min(depth, DeepestBit) }

// Depth counts the segments of a scope's key; 0 for the root.
func Depth(key string) int {
	if key == "/" {
		return 0
	}
	return strings.Count(key, "/")
}

// seed keys the hashes of this process.
var seed = maphash.MakeSeed()

// Hash is the keyed hash of a scope's key.
func Hash(key string) uint32 { return uint32(maphash.String(seed, key) >> 32) }
