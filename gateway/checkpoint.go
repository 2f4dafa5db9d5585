package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Position is how far a reader of the feed has come. The zero Position is the
// start of the channel.
type Position struct {
	// Block is the block of the last transaction read; reading goes on in it.
	Block uint64 `json:"block"`
	// TxID is the last transaction read of Block; empty: none of it.
	TxID string `json:"txId,omitempty"`
	// Records is how many records of TxID were handed out.
	Records int `json:"records,omitempty"`
}

// Checkpoint keeps a [Position] across restarts. A feed calls it from one
// goroutine; one Checkpoint serves one feed at a time.
type Checkpoint interface {
	// Load returns the position saved last, the zero Position when there is
	// none. A position that cannot be read is an error, never zero.
	Load() (Position, error)
	// Save replaces the position. When it returns, the position is durable;
	// when it fails, the one before still is.
	Save(Position) error
}

// FileCheckpoint keeps the position in a file, replaced atomically and synced to
// disk at each Save.
type FileCheckpoint struct{ path string }

// NewFileCheckpoint returns a checkpoint at path, whose directory must exist.
func NewFileCheckpoint(path string) *FileCheckpoint { return &FileCheckpoint{path} }

// maxCheckpoint is the largest checkpoint file, in bytes.
const maxCheckpoint = 4096

// checkpointFile is the file's content: one line of JSON. Sum tells a torn or
// edited file from a whole one.
type checkpointFile struct {
	Version int `json:"v"`
	Position
	Sum string `json:"sum"`
}

const checkpointVersion = 1

func (p Position) sum() string {
	s := sha256.Sum256(fmt.Appendf(nil, "domicile checkpoint %d %d %s %d", checkpointVersion, p.Block, p.TxID, p.Records))
	return hex.EncodeToString(s[:16])
}

// Load implements [Checkpoint]. No file is the zero Position; a file that is
// empty, cut short or altered is an error that says so.
func (f *FileCheckpoint) Load() (Position, error) {
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Position{}, nil
	}
	if err != nil {
		return Position{}, fmt.Errorf("reading the checkpoint: %w", err)
	}
	p, err := parseCheckpoint(b)
	if err != nil {
		return Position{}, settingsError(f.path, fmt.Errorf("the checkpoint is damaged (%w); restore it, or remove it to read from the start of the channel", err))
	}
	return p, nil
}

func parseCheckpoint(b []byte) (Position, error) {
	if len(b) > maxCheckpoint {
		return Position{}, errors.New("too long")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var c checkpointFile
	if err := d.Decode(&c); err != nil {
		return Position{}, errors.New("not a whole document")
	}
	switch {
	case len(bytes.TrimSpace(b[d.InputOffset():])) > 0:
		return Position{}, errors.New("something follows the document")
	case c.Version != checkpointVersion:
		return Position{}, fmt.Errorf("version %d, this program reads %d", c.Version, checkpointVersion)
	case c.Records < 0 || c.Sum != c.Position.sum():
		return Position{}, errors.New("its sum does not fit")
	}
	return c.Position, nil
}

// Save implements [Checkpoint].
//
// If we crash before the rename, the old file stands; after it, the new one,
// whose bytes were synced before.
func (f *FileCheckpoint) Save(p Position) (err error) {
	b, err := json.Marshal(checkpointFile{checkpointVersion, p, p.sum()})
	if err != nil {
		return err
	}
	dir := filepath.Dir(f.path)
	tmp, err := os.CreateTemp(dir, "."+filepath.Base(f.path)+".*")
	if err != nil {
		return fmt.Errorf("saving the checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("saving the checkpoint: %w", err)
			_ = os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(append(b, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err = os.Rename(tmp.Name(), f.path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
