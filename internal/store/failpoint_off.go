//go:build !failpoints

package store

// FailpointsBuilt reports whether this build can be made to fail on purpose.
const FailpointsBuilt = false

// Failpoint does nothing in this build.
func Failpoint(string) error { return nil }
