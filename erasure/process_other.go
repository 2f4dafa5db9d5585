//go:build !linux

package erasure

import (
	"context"
	"errors"
	"fmt"
)

// ScanProcess reads the memory of a process through Linux's /proc; on other systems it returns an error that wraps
// errors.ErrUnsupported.
func ScanProcess(ctx context.Context, pid int, _ []Pattern, _ ...Fingerprint) (*Report, error) {
	return (*Wanted)(nil).ScanProcess(ctx, pid)
}

// ScanProcess returns the same error.
func (*Wanted) ScanProcess(context.Context, int) (*Report, error) {
	return nil, fmt.Errorf("erasure: memory of processes can be read on Linux only: %w", errors.ErrUnsupported)
}
