//go:build !linux

package erasure

import (
	"context"
	"errors"
	"fmt"
)

// ScanProcess reads the memory of a process through Linux's /proc; on other systems it returns an error that wraps
// errors.ErrUnsupported.
func ScanProcess(context.Context, int, []Pattern, ...Fingerprint) (*Report, error) {
	return nil, fmt.Errorf("erasure: memory of processes can be read on Linux only: %w", errors.ErrUnsupported)
}
