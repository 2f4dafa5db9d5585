package gateway

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"domicile/fhir/labeling"
)

// options holds what [Open]'s options set.
type options struct {
	logger        *slog.Logger
	dial          []grpc.DialOption
	beforeSubmit  func(context.Context, Attempt) error
	inFlight      int
	anchorBatch   int
	anchorWait    time.Duration
	policyMaxAge  time.Duration
	conflictTries int
	rounds        int
	backoff       time.Duration
	rules         *labeling.RuleSet
	validator     Validator
}

// Defaults of the options.
const (
	DefaultInFlight    = 4
	DefaultAnchorBatch = 100
	DefaultAnchorWait  = 50 * time.Millisecond
)

func defaults() options {
	return options{
		logger:        slog.New(slog.DiscardHandler),
		inFlight:      DefaultInFlight,
		anchorBatch:   DefaultAnchorBatch,
		anchorWait:    DefaultAnchorWait,
		policyMaxAge:  time.Minute,
		conflictTries: 6,
		rounds:        4,
		backoff:       200 * time.Millisecond,
	}
}

// Option is an optional setting of [Open].
type Option func(*options)

// WithLogger sets where the client logs failovers and repetitions: ids, codes
// and peer names only. Defaults to nowhere.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithDialOptions adds gRPC options to every connection, after the client's own
// (TLS, keep-alive, 32 MiB receive limit).
func WithDialOptions(opts ...grpc.DialOption) Option {
	return func(o *options) { o.dial = append(o.dial, opts...) }
}

// Attempt is one transaction about to be submitted.
type Attempt struct {
	TxID string
	// Function is the contract function; Op the operation of a private write,
	// empty otherwise.
	Function, Op string
	// IDs are the records concerned, if any.
	IDs []string
}

// WithBeforeSubmit calls f with every transaction after it was endorsed and
// before it is sent to the orderers, so that its id can be kept. An error from f
// abandons the transaction. f may be called concurrently.
func WithBeforeSubmit(f func(context.Context, Attempt) error) Option {
	return func(o *options) { o.beforeSubmit = f }
}

// WithInFlight sets how many put transactions an import keeps under way at
// once. Defaults to 4.
func WithInFlight(n int) Option { return func(o *options) { o.inFlight = max(1, n) } }

// WithAnchorBatch sets when the coalescer sends the anchors it has collected: at
// n records (1 to [record.MaxRecords]) or after wait, whichever is first.
// Defaults to 100 records and 50 ms.
func WithAnchorBatch(n int, wait time.Duration) Option {
	return func(o *options) {
		o.anchorBatch = min(max(1, n), DefaultAnchorBatch)
		o.anchorWait = max(0, wait)
	}
}

// WithRetry sets how often a stage is tried on all of its peers before the call
// fails, and the pause after the first round, which doubles. Defaults to 4
// rounds and 200 ms.
func WithRetry(rounds int, pause time.Duration) Option {
	return func(o *options) { o.rounds, o.backoff = max(1, rounds), max(0, pause) }
}

// WithRules gives the labelling rules that the holder's private part names by their
// SHA-256. Import and the relabelling methods refuse to work with others
// ([ErrRules]). Defaults to the rules that ship ([labeling.Shipped]).
func WithRules(r *labeling.RuleSet) Option { return func(o *options) { o.rules = r } }

// WithValidator gives what checks resources against the structure of FHIR R4, for
// collections whose private part asks for it. The caller closes it, after the
// client. Defaults to none: then a collection that takes valid resources only takes
// nothing.
func WithValidator(v Validator) Option { return func(o *options) { o.validator = v } }
