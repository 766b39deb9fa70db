// Package workload knows which programs on this machine act for which resource, and finds
// out who is calling.
//
// A program becomes a workload when the owner of the data directory registers its process
// (L-11). From then on it is recognised in one of two ways, and no other:
//
//   - by the secret that the registration returned (App Service and its kin; S-9). Only
//     the SHA-256 of a secret is kept;
//   - by kernel evidence about a connection (IMDS; S-8, L-10): socket diagnostics name
//     the inode and uid, /proc names the processes that hold the socket and their
//     ancestors, and the nearest registered one decides. Addresses, ports, names and
//     executable paths decide nothing.
//
// A registration dies with its process, which is pinned by a pidfd, so a reused process id
// is never taken for it. What cannot be read about a process stays unknown. Evidence by
// connection exists on Linux only; elsewhere ErrNoEvidence says so. The package also holds
// the limits that keep one caller from pushing out another (Guard).
package workload
