//go:build unix

package erasure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// lockScrub keeps others from scrubbing the same peers, or with the same state file,
// at the same time: each would see the other's peer healthy and stop its own. The locks
// end with the process. They reach as far as the machine.
func lockScrub(state string, peers []ScrubPeer) (unlock func(), err error) {
	var held []*os.File
	unlock = func() {
		for _, f := range held {
			f.Close()
		}
	}
	take := func(path string, flag int) error {
		f, err := os.OpenFile(path, flag, 0o600)
		if err != nil {
			return err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return fmt.Errorf("%w (%s)", ErrScrubbing, path)
			}
			return fmt.Errorf("erasure: lock %s: %w", path, err)
		}
		held = append(held, f)
		return nil
	}
	err = take(state+".lock", os.O_CREATE|os.O_RDWR)
	for _, p := range peers {
		if err != nil {
			break
		}
		// A directory that is not there is found out when the peer's turn comes.
		if err = take(p.DataDir, os.O_RDONLY); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}
