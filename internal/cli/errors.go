package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir"
	"domicile/gateway"
	"domicile/network"
)

// usage is a command line that makes no sense.
type usage struct {
	err  error
	hint string
}

func (u usage) Error() string { return u.err.Error() }
func (u usage) Unwrap() error { return u.err }

func usagef(format string, args ...any) error { return usage{err: fmt.Errorf(format, args...)} }

// refused ends the command with status 1. Its text, if any, is printed.
type refused struct {
	text string
	hint string
}

func (r refused) Error() string { return r.text }

// hinted adds what to do to an error.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// report prints an error the way every command does, and returns the exit status.
//
//	error: CODE: what happened
//	hint: what to do
func (a *app) report(err error) int {
	if text := err.Error(); text != "" {
		for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
			fmt.Fprintln(a.err, "error: "+line)
		}
	}
	if h := hintFor(err); h != "" {
		fmt.Fprintln(a.err, "hint: "+h)
	}
	return status(err)
}

func hintFor(err error) string {
	var u usage
	var r refused
	var h hinted
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.As(err, &r):
		return r.hint
	case errors.As(err, &u) && u.hint != "":
		return u.hint
	case errors.Is(err, network.ErrNoNetwork):
		return "start one with domicile network up, or name its directory with --dir"
	}
	code := record.CodeOf(err)
	if info, ok := record.Explain(code); ok {
		return info.Fix + " See domicile help " + string(code) + "."
	}
	if errors.As(err, &u) {
		return "domicile help shows the commands, --help those of one"
	}
	return ""
}

// status maps an error to an exit status.
func status(err error) int {
	var u usage
	var r refused
	var p collections.Problem
	switch {
	case errors.As(err, &u), record.CodeOf(err) == record.CodeSettings:
		return ExitUsage
	case errors.As(err, &r), errors.As(err, &p):
		return ExitRefused
	}
	if _, ok := fhir.ReasonOf(err); ok {
		return ExitRefused
	}
	switch code := record.CodeOf(err); code {
	case "", record.CodeInternal, record.CodeInvalidated, record.CodeBadFunction, record.CodeNoKey:
		// unknown errors, and those that only a fault can cause
	default:
		if !gateway.Retryable(err) && !errors.Is(err, context.Canceled) {
			return ExitRefused
		}
	}
	return ExitInfrastructure
}

// openError makes a failure to open a file that the user named a usage error. The
// operating system's words hold the path and nothing of the content.
func openError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return usage{err: err, hint: "check the path; - stands for standard input"}
	}
	return err
}
