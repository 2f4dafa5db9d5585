//go:build !linux

package erasure

// Trim asks the file system to discard its free blocks; on this system it does not.
func Trim(string) string {
	return "not trimmed: not supported on this system; freed blocks keep the bytes until they are overwritten"
}
