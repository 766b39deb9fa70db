package node

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// peerOf reads SO_PEERCRED (unix(7)).
func peerOf(fd int) (peer, error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, fmt.Errorf("ask who connected: %w", err)
	}
	return peer{uid: int(c.Uid), pid: int(c.Pid)}, nil
}
