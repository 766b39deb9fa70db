//go:build !linux

package workload

import "net/netip"

// socket is what the kernel says of one end of a TCP connection.
type socket struct{ uid int }

// findSocket always fails here. Errors: ErrNoEvidence.
func findSocket(_, _ netip.AddrPort) (socket, error) { return socket{}, ErrNoEvidence }

// examine always fails here. Errors: ErrNoEvidence.
func (g *Registry) examine(_, _ netip.AddrPort) (*evidence, error) { return nil, ErrNoEvidence }
