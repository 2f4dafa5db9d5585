package gateway

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestACheckpointComesBack(t *testing.T) {
	f := NewFileCheckpoint(filepath.Join(t.TempDir(), "cp"))
	if p, err := f.Load(); err != nil || p != (Position{}) {
		t.Fatalf("no file: %+v %v", p, err)
	}
	for _, want := range []Position{{}, {7, "tx", 3}, {1 << 40, "", 0}} {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
		if got, err := f.Load(); err != nil || got != want {
			t.Errorf("got %+v %v, want %+v", got, err, want)
		}
	}
	left, err := os.ReadDir(filepath.Dir(f.path))
	if err != nil || len(left) != 1 {
		t.Errorf("%d files left: %v", len(left), err)
	}
}

func TestATornOrEditedCheckpointIsAnError(t *testing.T) {
	f := NewFileCheckpoint(filepath.Join(t.TempDir(), "cp"))
	if err := f.Save(Position{7, "tx", 3}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(name string, b []byte) {
		if err := os.WriteFile(f.path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := f.Load(); !errors.Is(err, ErrSettings) || p != (Position{}) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
	for n := range len(whole) - 1 { // the last byte is a newline
		try("cut short", whole[:n])
	}
	for i, b := range whole {
		if b >= '0' && b <= '9' {
			bad := append([]byte(nil), whole...)
			bad[i] = '0' + (b-'0'+1)%10
			try("a digit changed", bad)
		}
	}
	try("twice", append(append([]byte(nil), whole...), whole...))
}

func FuzzCheckpoint(f *testing.F) {
	f.Add([]byte(`{"v":1,"block":7,"txId":"tx","records":3,"sum":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseCheckpoint(b); err == nil && p.Records < 0 {
			t.Fatal("a negative count")
		}
	})
}

func TestAFailedSaveKeepsTheOldPosition(t *testing.T) {
	dir := t.TempDir()
	f := NewFileCheckpoint(filepath.Join(dir, "no", "cp"))
	if err := f.Save(Position{Block: 1}); err == nil {
		t.Error("saved into a directory that is not there")
	}
}
