package gateway

import (
	"context"
	"errors"
	"strings"

	gatewaypb "github.com/hyperledger/fabric-protos-go-apiv2/gateway"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"domicile/chaincode/record"
)

// maxDetail bounds a scrubbed detail: 100 ids fit.
const maxDetail = 4096

// fault is what a gRPC answer means to the retry logic.
type fault struct {
	err    *record.Error
	grpc   codes.Code
	said   bool  // a live peer gave a reason
	caller error // the caller's own context ended
}

// elsewhere reports whether another peer of the same organisation may do better.
func (f fault) elsewhere() bool {
	switch f.err.Code {
	case record.CodeUnavailable, record.CodeTimeout, record.CodeMissingData:
		return f.caller == nil
	}
	return false
}

// fewOrderers says that orderers heard of an envelope, but not enough of them
// acknowledged it. It is often ordered all the same.
const fewOrderers = "too few orderers acknowledged"

// What an endorser says that could not hand private data on to enough peers.
const (
	tooFewPeers = "too few live peers hold the collection"
	notHandedOn = "private data did not reach enough peers"
)

// knownTexts maps words of Fabric's own messages, which may quote arguments and
// are therefore never shown, to constant words of ours.
var knownTexts = []struct {
	has  string
	code record.Code
	say  string
}{
	{"access denied", record.CodeForbidden, "the peers' access control refused the certificate"},
	{"incorrect timestamp", record.CodeSettings, "this machine's clock is outside the peers' time window"},
	{"tx read conflict", record.CodeMissingData, "the peer is behind"},
	{"required to disseminate", record.CodeUnavailable, tooFewPeers},
	{"failed to distribute private", record.CodeUnavailable, notHandedOn},
	{"Failed disseminating", record.CodeUnavailable, notHandedOn},
	{"could not launch chaincode", record.CodeUnavailable, "the chaincode server does not answer"},
	{"chaincode stream terminated", record.CodeUnavailable, "the chaincode server stopped"},
	{"chaincode definition for", record.CodeUnavailable, "the chaincode is not committed on the channel"},
	{"no combination of peers", record.CodeUnavailable, "the peers known do not satisfy the endorsement policy"},
	{"failed to find any endorsing peers", record.CodeUnavailable, "an endorsing organisation has no live peer"},
	{"private data matching public hash version is not available", record.CodeMissingData, "the peer has not received the bytes yet"},
	{"insufficient number of orderers", record.CodeUnavailable, fewOrderers},
	{"no orderers could", record.CodeUnavailable, "no orderer accepted the transaction"},
	{"no orderer nodes available", record.CodeUnavailable, "no orderer is known"},
	{"ProposalResponsePayloads do not match", record.CodeUnavailable, "the endorsers answered differently; one is behind"},
}

// explain turns an error of the gRPC boundary into a coded one. Only the coded
// part of Fabric's texts is kept.
func explain(ctx context.Context, err error) fault {
	st := status.Convert(err)
	f := fault{grpc: st.Code()}
	if cause := ctx.Err(); cause != nil {
		f.caller = cause
		code := record.CodeTimeout
		f.err = record.Fail(code, "the caller's context ended")
		return f
	}
	texts := []string{st.Message()}
	for _, d := range st.Details() {
		if d, ok := d.(*gatewaypb.ErrorDetail); ok {
			texts = append(texts, d.GetMessage())
		}
	}
	if e := parseTexts(texts); e != nil {
		f.err, f.said = e, true
		return f
	}
	f.err = byStatus(st.Code(), errors.Is(err, context.DeadlineExceeded))
	return f
}

// parseTexts finds a code in any of the texts, else words it knows.
func parseTexts(texts []string) *record.Error {
	for _, t := range texts {
		if !strings.Contains(t, "chaincode response") {
			continue // a code counts only where the contract speaks
		}
		if e, ok := record.ParseError(t); ok {
			return record.Fail(e.Code, scrub(e.Detail))
		}
	}
	for _, k := range knownTexts {
		for _, t := range texts {
			if strings.Contains(t, k.has) {
				return record.Fail(k.code, k.say)
			}
		}
	}
	for _, t := range texts {
		if strings.Contains(t, "chaincode response") {
			return record.Fail(record.CodeInternal, "the contract refused without a code")
		}
	}
	return nil
}

func byStatus(c codes.Code, deadline bool) *record.Error {
	switch {
	case c == codes.DeadlineExceeded || deadline:
		return record.Fail(record.CodeTimeout, "the peer did not answer in time")
	case c == codes.PermissionDenied || c == codes.Unauthenticated:
		return record.Fail(record.CodeForbidden, "the peer refused the certificate")
	case c == codes.InvalidArgument || c == codes.Unimplemented || c == codes.NotFound:
		return record.Fail(record.CodeInternal, "the peer refused the message as malformed ("+c.String()+")")
	case c == codes.ResourceExhausted:
		return record.Fail(record.CodeUnavailable, "the peer is overloaded or the message too large")
	}
	return record.Fail(record.CodeUnavailable, "the peer could not be used ("+c.String()+")")
}

// scrub bounds a coded detail and keeps printable ASCII only. The contract puts
// ids and field names there and nothing else.
func scrub(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	if len(s) > maxDetail {
		s = s[:maxDetail]
	}
	return s
}
