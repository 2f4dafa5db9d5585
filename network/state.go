package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// stateSchema is the version of network.json.
const stateSchema = 1

// Phases of a network's life, as recorded in network.json.
const (
	phaseCreating = "creating" // not whole: the next Up begins anew
	phaseReady    = "ready"
)

// ownEntries are the names below a network's directory that belong to it.
var ownEntries = []string{"network.json", "channel", "orgs", "regions", "nodes", "builder"}

// state is DIR/network.json: what cannot be derived from anything else.
type state struct {
	Schema          int       `json:"schema"`
	Phase           string    `json:"phase"`
	Instance        int       `json:"instance"`
	Created         time.Time `json:"created"`
	Topology        Topology  `json:"topology"`
	BinDir          string    `json:"binDir"`
	BuilderBinary   string    `json:"builderBinary"`
	ChaincodeBinary string    `json:"chaincodeBinary,omitempty"`
	PackageID       string    `json:"packageId,omitempty"`
	Deployed        bool      `json:"deployed"` // the chaincode definition is committed
}

// ErrNoNetwork is returned for a directory that holds no network.
var ErrNoNetwork = errors.New("no network here")

func statePath(dir string) string { return filepath.Join(dir, "network.json") }

func readState(dir string) (*state, error) {
	b, err := os.ReadFile(statePath(dir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoNetwork)
	}
	if err != nil {
		return nil, fmt.Errorf("read the network's state: %w", err)
	}
	st := new(state)
	if err := json.Unmarshal(b, st); err != nil {
		return nil, fmt.Errorf("%s: %w", statePath(dir), err)
	}
	if st.Schema != stateSchema {
		return nil, fmt.Errorf("%s: schema %d is not known; this program reads schema %d", statePath(dir), st.Schema, stateSchema)
	}
	if err := st.Topology.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", statePath(dir), err)
	}
	return st, nil
}

func (st *state) write(dir string) error {
	b, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the network's state: %w", err)
	}
	tmp := statePath(dir) + ".tmp"
	if err := writeFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the network's state: %w", err)
	}
	if err := os.Rename(tmp, statePath(dir)); err != nil {
		return fmt.Errorf("write the network's state: %w", err)
	}
	return nil
}

// dirLock keeps two programs from changing one network at the same time.
type dirLock struct {
	file    *os.File
	created []string // directories made for the lock, outermost first
}

const lockName = "lock"

// lockDir makes dir if need be and locks it, waiting for another holder until
// ctx ends.
func lockDir(ctx context.Context, dir string) (*dirLock, error) {
	l := new(dirLock)
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); err == nil || d == filepath.Dir(d) {
			break
		}
		l.created = append([]string{d}, l.created...)
	}
	path := filepath.Join(dir, lockName)
	for {
		if err := makeDirs(dir); err != nil {
			return nil, fmt.Errorf("make %s: %w", dir, err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed by a failing Up between the two calls
		}
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && sameFile(f, path) {
			l.file = f
			return l, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", dir, err)
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("lock %s: another program is changing this network: %w", dir, err)
		}
	}
}

// makeDirs is MkdirAll beside others that remove what they had made of the same path.
func makeDirs(dir string) (err error) {
	for range 10_000 {
		if err = os.MkdirAll(dir, 0o700); !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	return err
}

func sameFile(f *os.File, path string) bool {
	a, errA := f.Stat()
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// unlock lets others in; the lock file stays.
func (l *dirLock) unlock() { l.file.Close() }

// discard removes what was made for the lock, then lets others in.
// Directories that others use stay.
func (l *dirLock) discard() {
	os.Remove(l.file.Name())
	for i := len(l.created) - 1; i >= 0; i-- {
		os.Remove(l.created[i])
	}
	l.file.Close()
}

// pause waits one poll interval or until ctx ends.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pollInterval):
		return nil
	}
}

// until calls f until it succeeds or ctx ends; then the last failure is part
// of the error.
func until(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		var final *finalError
		if errors.As(err, &final) {
			return final.error
		}
		if ctxErr := pause(ctx); ctxErr != nil {
			return fmt.Errorf("%w: %w", err, ctxErr)
		}
	}
}

// finalError tells until to give up.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }
