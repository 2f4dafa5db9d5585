package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"domicile/fhir"
)

// Verdict is what a [Validator] says of one resource.
type Verdict struct {
	// Valid is true if no rule is broken.
	Valid bool
	// Issues are the places that break a rule, at most 200. The part of a rule
	// before the colon says who found it: "json" the strict parser, "structure" the
	// checks of [fhir.Resource.Structure], "r4" the definitions of the types.
	// docs/validation.md lists the rules. Issues hold no value of the resource.
	Issues []fhir.Issue
}

// Validator judges resources by the structure that FHIR R4 prescribes. It knows
// no profiles, no value sets beyond required bindings, and no invariants but a few;
// a valid resource may still be wrong.
type Validator interface {
	// Validate judges one resource of at most [fhir.MaxBytes]. An error says that
	// there is no verdict and wraps [ErrValidator] or the context's error; the
	// next call starts anew. It may be called concurrently.
	Validate(ctx context.Context, raw []byte) (Verdict, error)
	// Close ends the validator. It is safe to call it twice.
	Close() error
}

// ErrValidator reports that the validator could not judge: its program is missing,
// stopped, or does not answer as it should.
var ErrValidator = errors.New("the validator fhir-r4check failed; build it with make build and see that nothing stops it")

// ValidatorProgram is the name of the program that [StartValidator] runs.
const ValidatorProgram = "fhir-r4check"

// FindValidator returns the path of the validator's program: beside the running
// program, or else in PATH. The error wraps [ErrValidator].
func FindValidator() (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), ValidatorProgram)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	path, err := exec.LookPath(ValidatorProgram)
	if err != nil {
		return "", fmt.Errorf("gateway: %w: %w", ErrValidator, err)
	}
	return path, nil
}

// Limits of the conversation with the program.
const (
	validatorPatience  = time.Minute // for one answer, when the context allows more
	validatorStart     = 30 * time.Second
	validatorAnswer    = 1 << 20 // bytes of one answer
	validatorFarewell  = 2 * time.Second
	validatorProtocol  = 1
	validatorMaxIssues = 200
)

// StartValidator runs the program at path, which "" leaves to [FindValidator], and
// waits until it is ready. It stays up until Close, whatever becomes of ctx; when it
// crashes or hangs, the call fails and the next one starts it again. It runs without
// environment and what it writes to standard error goes nowhere, because a crash
// could show content.
func StartValidator(ctx context.Context, path string) (Validator, error) {
	if path == "" {
		found, err := FindValidator()
		if err != nil {
			return nil, err
		}
		path = found
	}
	v := &validator{path: path, turn: make(chan struct{}, 1)}
	p, err := startChecker(ctx, path)
	if err != nil {
		return nil, err
	}
	v.proc = p
	return v, nil
}

// validator keeps one program and gives it one resource at a time.
type validator struct {
	path   string
	turn   chan struct{} // holds a token while somebody uses what is below
	proc   *checker      // nil after a failure
	closed bool
}

func (v *validator) Validate(ctx context.Context, raw []byte) (Verdict, error) {
	r, err := fhir.Parse(raw)
	if err != nil {
		if se, ok := errors.AsType[*fhir.SyntaxError](err); ok {
			return Verdict{Issues: []fhir.Issue{{Path: se.Path, Rule: "json:" + string(se.Reason)}}}, nil
		}
		return Verdict{}, err
	}
	issues := r.Structure()
	more, err := v.ask(ctx, bytes.TrimPrefix(raw, []byte("\ufeff")))
	if err != nil {
		return Verdict{}, err
	}
	issues = append(issues, more...)
	return Verdict{Valid: len(issues) == 0, Issues: issues[:min(len(issues), validatorMaxIssues)]}, nil
}

// ask has the program judge a resource.
func (v *validator) ask(ctx context.Context, doc []byte) ([]fhir.Issue, error) {
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-ctx.Done():
		return nil, fmt.Errorf("gateway: wait for the validator: %w", ctx.Err())
	}
	if v.closed {
		return nil, fmt.Errorf("gateway: %w: it was closed", ErrValidator)
	}
	if v.proc == nil {
		p, err := startChecker(ctx, v.path)
		if err != nil {
			return nil, err
		}
		v.proc = p
	}
	answer, err := v.proc.exchange(ctx, validatorPatience, doc)
	if err != nil {
		v.proc.kill()
		v.proc = nil
		return nil, err
	}
	if answer.Failed != "" || answer.Valid != (len(answer.Issues) == 0) {
		return nil, fmt.Errorf("gateway: %w: it cannot judge this resource", ErrValidator)
	}
	return answer.Issues, nil
}

// Close ends the program: it is asked to stop by the end of its input, and killed if
// that takes longer than two seconds.
func (v *validator) Close() error {
	v.turn <- struct{}{}
	defer func() { <-v.turn }()
	v.closed = true
	if v.proc == nil {
		return nil
	}
	p := v.proc
	v.proc = nil
	return p.end()
}

// checker is a running program.
type checker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// checkerLine is a line of the program: its greeting or a verdict.
type checkerLine struct {
	Program  string       `json:"program"`
	Protocol int          `json:"protocol"`
	Valid    bool         `json:"valid"`
	Issues   []fhir.Issue `json:"issues"`
	Failed   string       `json:"failed"`
}

func startChecker(ctx context.Context, path string) (*checker, error) {
	p := &checker{cmd: exec.Command(path)} // not CommandContext: it outlives the call
	p.cmd.Env = []string{"GOTRACEBACK=none"}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("gateway: %w: %w", ErrValidator, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("gateway: %w: %w", ErrValidator, err)
	}
	p.in, p.out = in, bufio.NewReaderSize(out, validatorAnswer)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("gateway: %w: %w", ErrValidator, err)
	}
	hello, err := p.exchange(ctx, validatorStart, nil)
	if err == nil && (hello.Program != ValidatorProgram || hello.Protocol != validatorProtocol) {
		err = fmt.Errorf("gateway: %w: %s is another program or of another version", ErrValidator, path)
	}
	if err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// exchange sends a resource, unless it is nil, and reads one line. It returns when
// the context ends or after the patience; the program is dead then.
func (p *checker) exchange(ctx context.Context, patience time.Duration, doc []byte) (checkerLine, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = p.cmd.Process.Kill() })
	line, err := p.talk(doc)
	if !stop() {
		return checkerLine{}, fmt.Errorf("gateway: %w: no answer in time: %w", ErrValidator, ctx.Err())
	}
	if err != nil {
		return checkerLine{}, fmt.Errorf("gateway: %w: %w", ErrValidator, err)
	}
	return line, nil
}

func (p *checker) talk(doc []byte) (line checkerLine, err error) {
	if doc != nil {
		size := binary.BigEndian.AppendUint32(nil, uint32(len(doc)))
		for _, b := range [][]byte{size, doc} {
			if _, err := p.in.Write(b); err != nil {
				return line, errors.New("it stopped reading")
			}
		}
	}
	text, err := p.out.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return line, errors.New("its answer is too long")
	case err != nil:
		return line, errors.New("it stopped without an answer")
	}
	if json.Unmarshal(text, &line) != nil {
		return line, errors.New("its answer is not JSON")
	}
	return line, nil
}

// kill ends the program at once and waits for its end.
func (p *checker) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

// end lets the program end by itself.
func (p *checker) end() error {
	late := time.AfterFunc(validatorFarewell, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("gateway: %w: end it: %w", ErrValidator, err)
	}
	return nil
}
