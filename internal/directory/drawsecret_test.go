package directory

import (
	"bytes"
	"testing"
)

func TestASecretNeverLooksLikeAnOption(t *testing.T) {
	begins := func(b byte) []byte { return append([]byte{b}, make([]byte, secretBytes-1)...) }
	d := &Directory{rand: bytes.NewReader(append(begins(0xF8), begins(0x00)...))} // "-AAA…", then "AAAA…"
	value, err := d.drawSecret()
	if err != nil || value.Reveal()[0] != 'A' || len(value.Reveal()) != 43 {
		t.Fatalf("%q, %v", value.Reveal(), err)
	}
}
