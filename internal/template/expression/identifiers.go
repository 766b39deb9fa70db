package expression

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/google/uuid"
)

// guidNamespace is the namespace of the function guid.
var guidNamespace = uuid.MustParse("11fb06fb-712d-4ddd-98c7-e71bbd588830")

// guid is a version 5 UUID of the arguments joined by hyphens (CP §7.5).
func guid(name string, args []any) (any, error) {
	joined, err := hyphenated(name, args)
	if err != nil {
		return nil, err
	}
	return uuid.NewSHA1(guidNamespace, []byte(joined)).String(), nil
}

// uniqueString is a hash of the arguments joined by hyphens, in 13 letters (CP §7.5).
func uniqueString(name string, args []any) (any, error) {
	joined, err := hyphenated(name, args)
	if err != nil {
		return nil, err
	}
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	sum := Hash([]byte(joined))
	var out [13]byte
	for i := range out {
		out[i] = alphabet[sum>>59]
		sum <<= 5
	}
	return string(out[:]), nil
}

// hyphenated joins arguments that must be strings.
func hyphenated(name string, args []any) (string, error) {
	texts := make([]string, len(args))
	for i, arg := range args {
		s, ok := arg.(string)
		if !ok {
			return "", wrongType(name)
		}
		texts[i] = s
	}
	return strings.Join(texts, "-"), nil
}

// Multipliers and addends of the hash.
const (
	hashC1, hashC2 = 597399067, 2869860233
	hashA1, hashA2 = 1444728091, 197830471
)

// Hash is the 64-bit variant of MurmurHash3 for 32-bit machines, with seed 0, that
// uniqueString and template hashes are made of.
func Hash(data []byte) uint64 {
	var h1, h2 uint32
	length := uint32(len(data))
	for ; len(data) >= 8; data = data[8:] {
		h1 ^= scramble(binary.LittleEndian.Uint32(data), hashC1, 15, hashC2)
		h1 = (bits.RotateLeft32(h1, 19)+h2)*5 + hashA1
		h2 ^= scramble(binary.LittleEndian.Uint32(data[4:]), hashC2, 17, hashC1)
		h2 = (bits.RotateLeft32(h2, 13)+h1)*5 + hashA2
	}
	var tail [8]byte
	copy(tail[:], data)
	if len(data) > 0 {
		h1 ^= scramble(binary.LittleEndian.Uint32(tail[:]), hashC1, 15, hashC2)
	}
	if len(data) > 4 {
		h2 ^= scramble(binary.LittleEndian.Uint32(tail[4:]), hashC2, 17, hashC1)
	}
	h1 ^= length
	h2 ^= length
	h1 += h2
	h2 += h1
	h1, h2 = finish(h1), finish(h2)
	h1 += h2
	h2 += h1
	return uint64(h2)<<32 | uint64(h1)
}

// scramble mixes four bytes.
func scramble(k, before uint32, by int, after uint32) uint32 {
	return bits.RotateLeft32(k*before, by) * after
}

// finish spreads every bit over the word.
func finish(h uint32) uint32 {
	h ^= h >> 16
	h *= 2246822507
	h ^= h >> 13
	h *= 3266489909
	return h ^ h>>16
}
