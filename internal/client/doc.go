// Package client is how our own commands talk to a running platform: it finds it by
// endpoints.json, signs in as the administrator or asks for the token of a workload, and
// calls the same public APIs as everyone else (D-11). It resolves no name: every host of
// ours is dialled at the loopback TLS listener and verified against the platform's CA.
package client
