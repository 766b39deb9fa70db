package holding

import (
	"reflect"

	"golang.org/x/sys/unix"
)

// largePage is the size of the large pages of most processors.
const largePage = 2 << 20

// widen asks for large pages under what a slice holds: reads all over it then seldom wait
// for the tables of pages. It is a hint; the kernel may do as it likes, or do it later.
func widen[T any](s []T) {
	from := reflect.ValueOf(s).Pointer()
	end := from + uintptr(len(s))*reflect.TypeFor[T]().Size()
	from = (from + largePage - 1) &^ (largePage - 1)
	end &^= largePage - 1
	if from < end {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, end-from, unix.MADV_HUGEPAGE)
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, end-from, unix.MADV_COLLAPSE) // Linux 6.1
	}
}
