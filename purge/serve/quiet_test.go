package serve

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"domicile/chaincode/record"
	"domicile/purge"
)

// unheard are peers that nobody hears, and least of all who was told to end.
type unheard struct{ purge.Peers }

func (unheard) Heights(ctx context.Context) ([]purge.Height, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, record.Fail(record.CodeUnavailable, "")
}

func TestAServiceThatIsToldToEndWarnsOfNothing(t *testing.T) {
	s := new(shelf).service(t, "")
	var log bytes.Buffer
	s.backend.Peers, s.log = unheard{}, slog.New(slog.NewTextHandler(&log, nil))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if s.look(ended); log.Len() > 0 {
		t.Error(log.String())
	}
	if s.look(t.Context()); log.Len() == 0 {
		t.Error("nothing said of peers that do not answer")
	}
}

func TestAPauseIsNoErrorInTheLog(t *testing.T) {
	s := new(shelf).service(t, "")
	var log bytes.Buffer
	s.log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if s.tell(record.Fail(record.CodePaused, "stopped")); log.Len() > 0 {
		t.Error(log.String())
	}
	if s.tell(record.Fail(record.CodeUnavailable, "")); log.Len() == 0 {
		t.Error("nothing said of a run that failed")
	}
}
