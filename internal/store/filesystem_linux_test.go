package store

import (
	"errors"
	"testing"
)

// network file systems are refused by name; local ones are not.
func TestRemoteFilesystemsAreRefused(t *testing.T) {
	for magic, want := range map[uint32]bool{
		0x6969: true, 0xff534d42: true, 0xfe534d42: true, 0x01021997: true,
		0xef53: false, 0x58465342: false, 0x9123683e: false, 0x01021994: false, 0x794c7630: false,
	} {
		if err := localMagic(magic, "/data"); errors.Is(err, ErrUnsafe) != want {
			t.Errorf("%#x: %v", magic, err)
		}
	}
	if err := localFilesystem(t.TempDir()); err != nil {
		t.Error(err)
	}
}
