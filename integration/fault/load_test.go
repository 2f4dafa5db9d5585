package fault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/integration/kit"
)

// The days on which care ended: long enough ago that the demonstration's policies let
// the record go, or not in this century.
const (
	longAgo = "1985-06-15"
	farOff  = "2199-06-15"
)

// home is who holds records and where.
type home struct{ region, org, collection string }

var usA = home{"us", "UsHospital", "us-a"}

// job is one resource to be put. Its import has a name of its own, so that putting it
// again continues what was begun.
type job struct {
	home
	name     string
	body     []byte
	erasable bool

	id string // once known
}

// newJob makes a resource that nobody else has. padding makes it larger, by so many bytes
// that no database compresses.
func newJob(h home, end string, padding int) *job {
	word := "w" + rand.Text()
	return &job{home: h, name: word, erasable: end == longAgo, body: fmt.Appendf(nil,
		`{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},"period":{"end":%q},`+
			`"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">%s %s</div>"}}`,
		end, word, noise(padding))}
}

// noise is n random letters and digits.
func noise(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(rand.Text())
	}
	return b.String()[:n]
}

func (j *job) sha() string {
	sum := sha256.Sum256(j.body)
	return hex.EncodeToString(sum[:])
}

// jobs makes n resources of which about two thirds are due.
func jobs(h home, n int) []*job {
	out := make([]*job, n)
	for i := range out {
		out[i] = newJob(h, longAgo, 0)
		if i%3 == 2 {
			out[i] = newJob(h, farOff, 0)
		}
	}
	return out
}

// put tries once to put a resource. What is not acknowledged is kept for [cluster.resume].
func (c *cluster) put(ctx context.Context, j *job) error {
	op := Op{Kind: Put, SHA256: j.sha(), Erasable: j.erasable}
	if j.id != "" {
		op.IDs = []string{j.id}
	}
	p := c.history.Begin(op)
	r, err := c.importOne(ctx, j)
	if r.ID != "" {
		j.id = r.ID
	}
	outcome := OK
	if err != nil {
		if outcome = Unknown; !c.wasSubmitted(record.OpPut, j.id) {
			outcome = Fail
		}
		c.mu.Lock()
		c.again = append(c.again, j)
		c.mu.Unlock()
	}
	p.End(outcome, func(op *Op) {
		op.Code, op.Block = record.CodeOf(err), r.Block
		if j.id != "" {
			op.IDs = []string{j.id}
		}
	})
	return err
}

func (c *cluster) importOne(ctx context.Context, j *job) (last gateway.Receipt, err error) {
	client, err := c.client(ctx, j.org, record.RoleWriter, "")
	if err != nil {
		return last, err
	}
	o := gateway.ImportOptions{Name: j.name}
	if j.home == usShared { // routing never discloses
		o.Collection = j.collection
	}
	for r, rerr := range client.Import(ctx, bytes.NewReader(j.body), o) {
		if r.ID != "" {
			last = r
		}
		err = errors.Join(err, rerr)
	}
	if err == nil && last.ID == "" {
		err = errors.New("the import ended without a receipt")
	}
	return last, err
}

// putAll puts resources, four at a time, and returns how many were acknowledged.
func (c *cluster) putAll(ctx context.Context, t *testing.T, list []*job) int {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	queue := make(chan *job, len(list))
	for _, j := range list {
		queue <- j
	}
	close(queue)
	for range 4 {
		wg.Go(func() {
			for j := range queue {
				err := c.put(ctx, j)
				if err != nil {
					t.Logf("put: %v", err)
					continue
				}
				mu.Lock()
				done++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return done
}

// mustPut wants every put acknowledged.
func (c *cluster) mustPut(ctx context.Context, t *testing.T, list []*job) {
	t.Helper()
	if n := c.putAll(ctx, t, list); n != len(list) {
		t.Fatalf("%d of %d puts acknowledged on a healthy network", n, len(list))
	}
}

// resume repeats, on a healed network, what was not acknowledged.
func (c *cluster) resume(ctx context.Context, t *testing.T) {
	t.Helper()
	c.mu.Lock()
	list := c.again
	c.again = nil
	c.mu.Unlock()
	for _, j := range list {
		if err := kit.Eventually(ctx, func() error { return c.put(ctx, j) }); err != nil {
			t.Fatalf("a put cannot be repeated on the healed network: %v", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.again = nil // those that needed a second try have had it
}

// hold sets a hold and notes what was answered.
func (c *cluster) hold(ctx context.Context, h home, matter string, ids ...string) error {
	return c.order(ctx, h, Hold, matter, ids)
}

// release ends a hold, as another person than the one who set it.
func (c *cluster) release(ctx context.Context, h home, matter string, ids ...string) error {
	return c.order(ctx, h, Release, matter, ids)
}

func (c *cluster) order(ctx context.Context, h home, kind Kind, matter string, ids []string) error {
	role, op := record.RoleOfficer, record.OpHold
	if kind == Release {
		role, op = "officer2", record.OpRelease
	}
	client, err := c.client(ctx, h.org, role, "")
	if err != nil {
		return err
	}
	p := c.history.Begin(Op{Kind: kind, IDs: ids, Matter: matter})
	o := gateway.HoldOrder{Collection: h.collection, IDs: ids, Matter: matter, Authority: "court", Reason: "pending"}
	send := client.Hold
	if kind == Release {
		send = client.Release
	}
	r, err := send(ctx, o)
	outcome := OK
	if err != nil {
		if outcome = Fail; c.wasSubmitted(op, ids[0]) {
			outcome = Unknown
		}
	}
	p.End(outcome, func(op *Op) { op.Block, op.Code = r.Block, record.CodeOf(err) })
	return err
}

// read asks one peer for the bytes and notes what it says.
func (c *cluster) read(ctx context.Context, h home, peer, id string) (*gateway.Record, error) {
	client, err := c.client(ctx, h.org, record.RoleReader, peer)
	if err != nil {
		return nil, err
	}
	p := c.history.Begin(Op{Kind: Read, IDs: []string{id}, Peer: peer})
	r, err := client.Get(ctx, id)
	switch {
	case err == nil:
		sum := sha256.Sum256(r.Bytes)
		p.End(OK, func(op *Op) { op.SHA256 = hex.EncodeToString(sum[:]) })
	case errors.Is(err, gateway.ErrGone):
		p.End(OK, func(op *Op) { op.Gone = true })
	default:
		p.End(Fail, func(op *Op) { op.Code = record.CodeOf(err) })
	}
	return r, err
}
