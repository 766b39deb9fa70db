package store

import (
	"golang.org/x/sys/unix"
)

// remoteFilesystems are those on which the locks and the shared memory of SQLite do not
// hold, by the magic number of statfs(2).
var remoteFilesystems = map[uint32]string{
	0x6969: "NFS", 0x517b: "SMB", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x01021997: "9P", 0x5346414f: "AFS", 0x73757245: "Coda",
	0x00c36400: "Ceph", 0x0bd00bd0: "Lustre", 0x47504653: "GPFS", 0x01161970: "GFS2", 0x7461636f: "OCFS2",
}

// localFilesystem refuses a directory that is not on a disk of this machine. Errors: ErrUnsafe.
func localFilesystem(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return unavailable("look at the file system of "+dir, err)
	}
	return localMagic(uint32(st.Type), dir)
}

// localMagic decides by the file system's number.
func localMagic(magic uint32, dir string) error {
	if name, remote := remoteFilesystems[magic]; remote {
		return ErrUnsafe.With("%s is on %s: SQLite is safe on a local file system only; choose another directory, or PostgreSQL", dir, name)
	}
	return nil
}
