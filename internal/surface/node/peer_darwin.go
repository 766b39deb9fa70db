package node

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// peerOf reads LOCAL_PEERCRED (unix(4)), which names no process.
func peerOf(fd int) (peer, error) {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return peer{}, fmt.Errorf("ask who connected: %w", err)
	}
	return peer{uid: int(c.Uid)}, nil
}
