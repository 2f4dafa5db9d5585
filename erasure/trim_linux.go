package erasure

import (
	"fmt"
	"math"
	"os"
	"syscall"
	"unsafe"
)

// fitrim is the ioctl FITRIM of linux/fs.h: _IOWR('X', 121, struct fstrim_range).
const fitrim = 0xc0185879

// Trim asks the file system that holds dir to discard its free blocks, where the
// bytes of deleted files otherwise stay until they are overwritten. It says in
// words what came of it: most file systems in containers and virtual machines do
// not allow it, and whether the medium really forgets is the medium's secret.
func Trim(dir string) string {
	f, err := os.Open(dir)
	if err != nil {
		return "not trimmed: the data directory cannot be opened"
	}
	defer f.Close()
	span := struct{ start, length, minLength uint64 }{length: math.MaxUint64}
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), fitrim, uintptr(unsafe.Pointer(&span)))
	switch errno {
	case 0:
		return fmt.Sprintf("trimmed: %d bytes of free blocks discarded", span.length)
	case syscall.EPERM, syscall.EACCES:
		return "not trimmed: needs CAP_SYS_ADMIN; run fstrim on the file system as its administrator"
	case syscall.EOPNOTSUPP, syscall.ENOTTY, syscall.EINVAL:
		return "not trimmed: the file system or its device does not support it; freed blocks keep the bytes until they are overwritten"
	}
	return "not trimmed: " + errno.Error()
}
