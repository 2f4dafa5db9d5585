package erasure

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// scrubState is the file of progress.
type scrubState struct {
	Version int        `json:"version"`
	Begun   time.Time  `json:"begun"`
	Stopped string     `json:"stopped,omitempty"` // the peer being worked on
	Done    []Scrubbed `json:"done"`
	Ended   time.Time  `json:"ended,omitzero"`
}

// loadScrub reads the file of progress; there being none is a run not begun.
func loadScrub(path string) (*scrubState, error) {
	if path == "" {
		return nil, errNoState
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &scrubState{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(scrubState)
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil || s.Version != 1 {
		return nil, fmt.Errorf("erasure: %s is not a scrub's state of a version known here; look whether all peers run, then remove it", path)
	}
	return s, nil
}

// save replaces the file at once, so that a crash leaves the old or the new one.
func (s *scrubState) save(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".scrub-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
