package erasure

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"strings"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
)

// attributesOID marks the certificate extension in which Fabric keeps an identity's attributes as JSON.
const attributesOID = "1.2.3.4.5.6.7.8.1"

// identity adds a serialized identity: MSP and certificate.
func (f *fields) identity(path string, b []byte) {
	id := &msp.SerializedIdentity{}
	if len(b) == 0 || !f.decode(path, b, id) {
		return
	}
	f.text(path+".mspid", id.Mspid)
	block, rest := pem.Decode(id.IdBytes)
	if block == nil {
		f.add(path+".idbytes", id.IdBytes)
		return
	}
	f.add(path+".trailing", bytes.TrimSpace(rest))
	f.certificate(path, block.Bytes)
}

func (f *fields) certificate(path string, der []byte) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		f.add(path+".certificate", der)
		return
	}
	f.text(path+".subject", c.Subject.String())
	f.add(path+".rawsubject", c.RawSubject)
	f.text(path+".issuer", c.Issuer.String())
	f.add(path+".serial", c.SerialNumber.Bytes())
	for _, e := range c.Extensions {
		if e.Id.String() == attributesOID {
			f.add(path+".attributes", e.Value)
		} else {
			f.add(path+".extension["+e.Id.String()+"]", e.Value)
		}
	}
	f.add(path+".publickey", c.RawSubjectPublicKeyInfo)
	f.add(path+".certificate", der)
}

const (
	maxDecodeDepth = 3
	minEncoded     = 16       // shorter runs of base64 or hex characters are words
	maxInflateOne  = 64 << 20 // bytes
)

// withDecoded returns the fields, each followed by its decoded inner forms. Raw envelopes stay as they are: their parts
// are fields already.
func (f *fields) withDecoded() []Field {
	var out []Field
	for _, e := range f.list {
		out = append(out, e)
		if !strings.HasSuffix(e.Path, ".envelope") {
			out = appendDecoded(out, e, maxDecodeDepth)
		}
	}
	return out
}

func appendDecoded(out []Field, e Field, depth int) []Field {
	if depth == 0 {
		return out
	}
	sub := func(kind string, b []byte) {
		if len(b) > 0 {
			inner := Field{e.Path + "~" + kind, b}
			out = appendDecoded(append(out, inner), inner, depth-1)
		}
	}
	if at := nextGzip(e.Bytes, 0, len(e.Bytes)); at >= 0 {
		if zr, err := gzip.NewReader(bytes.NewReader(e.Bytes[at:])); err == nil {
			b, _ := io.ReadAll(io.LimitReader(zr, maxInflateOne)) // a damaged end leaves its beginning
			sub("gzip", b)
		}
	}
	for rest := e.Bytes; ; {
		block, next := pem.Decode(rest)
		if block == nil {
			break
		}
		sub("pem", block.Bytes)
		rest = next
	}
	for _, run := range encodedRuns(e.Bytes) {
		if b, err := hex.DecodeString(string(run[:len(run)&^1])); err == nil {
			sub("hex", b)
			continue
		}
		// The alphabets differ in two characters, which decode after being replaced.
		text := strings.NewReplacer("-", "+", "_", "/").Replace(string(run))
		if b, err := base64.RawStdEncoding.DecodeString(text[:len(text)-boolInt(len(text)%4 == 1)]); err == nil {
			sub("base64", b)
		}
	}
	return out
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// encodedRuns returns the runs of characters of base64's alphabets (of which hex is a part) that are long enough, without
// padding.
func encodedRuns(b []byte) [][]byte {
	var runs [][]byte
	start := 0
	for i := 0; i <= len(b); i++ {
		if i < len(b) && encodedChar(b[i]) {
			continue
		}
		if i-start >= minEncoded {
			runs = append(runs, b[start:i])
		}
		start = i + 1
	}
	return runs
}

func encodedChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}
