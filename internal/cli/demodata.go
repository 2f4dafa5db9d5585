package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"domicile/chaincode/record"
	"domicile/fhir"
	"domicile/gateway"
	"domicile/internal/sample"
)

// followed is a record that the demonstration shows one by one.
type followed struct {
	ID         string `json:"id"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	Due        bool   `json:"due"`  // past its retention when it was put
	Held       bool   `json:"held"` // under a legal hold
	Hash       string `json:"hash"`
	// VerifiedFrom are the regions whose peers confirmed the hash of the bytes.
	VerifiedFrom []string `json:"verifiedFrom"`
	// RefusedIn are the other regions whose readers did not get it.
	RefusedIn []string `json:"refusedIn"`
	State     string   `json:"state"`
	// Labels are the codes of its security labels; the home region's records only.
	Labels   string `json:"labels,omitempty"`
	PurgedAt string `json:"purgedAt,omitempty"`
	// Before and After name the nodes on whose disks bytes of it were found.
	Before []string `json:"bytesOnDiskBefore"`
	After  []string `json:"bytesOnDiskAfter"`

	salt, body []byte
}

// put imports the Bundle into the home region and a record into each other one.
func (d *demo) put(ctx context.Context) error {
	if d.seed == 0 {
		d.seed = uint64(time.Now().UnixNano())
	}
	in, done, err := d.bundleInput()
	if err != nil {
		return err
	}
	defer done()
	receipts, err := d.importInto(ctx, d.home, in)
	if err != nil {
		return err
	}
	if d.data == "" {
		var health bytes.Buffer
		if err := sample.WriteHealth(&health, sample.HealthOptions{Seed: d.seed}); err != nil {
			return err
		}
		more, err := d.importInto(ctx, d.home, bytes.NewReader(health.Bytes()))
		if err != nil {
			return err
		}
		receipts = append(receipts, more...)
	}
	for _, r := range receipts {
		d.hashes[r.ID] = r.Hash
	}
	d.evidence.Put = len(receipts)
	d.say("  %s: %d records put and anchored", d.home, len(receipts))
	for _, r := range choose(receipts, d.rows) {
		d.follow(d.home, r)
	}
	for i, region := range d.regions[1:] {
		// The last region's record is recent and stays; the others are old.
		old := i < len(d.regions)-2
		one, err := single(d.seed+uint64(i)+1, old)
		if err != nil {
			return err
		}
		receipts, err := d.importInto(ctx, region, bytes.NewReader(one))
		if err != nil {
			return err
		}
		for _, r := range receipts {
			d.follow(region, r)
		}
		d.say("  %s: %d record put and anchored", region, len(receipts))
	}
	if err := d.holdOne(ctx); err != nil {
		return err
	}
	return d.read(ctx)
}

// bundleInput is the file of --data, or a generated Bundle.
func (d *demo) bundleInput() (io.ReadSeeker, func(), error) {
	if d.data != "" {
		return d.input(d.data)
	}
	f, err := os.CreateTemp("", "domicile-demo-")
	if err != nil {
		return nil, nil, err
	}
	os.Remove(f.Name()) // the open file stays readable
	if err := sample.Write(f, sample.Options{Seed: d.seed, Entries: d.entries}); err != nil {
		f.Close()
		return nil, nil, usage{err: err}
	}
	_, err = f.Seek(0, io.SeekStart)
	return f, func() { f.Close() }, err
}

// importInto puts an input under a name of its own, so that every demonstration
// has records of its own.
func (d *demo) importInto(ctx context.Context, region string, in io.ReadSeeker) ([]gateway.Receipt, error) {
	c, err := d.client(ctx, region, record.RoleWriter)
	if err != nil {
		return nil, err
	}
	d.imports++
	b := d.progress(-1, "putting in "+region)
	defer b.finish()
	var out []gateway.Receipt
	for r, err := range c.Import(ctx, in, gateway.ImportOptions{
		Name:     fmt.Sprintf("demo %s %d %d", region, d.started.UnixNano(), d.imports),
		Progress: func(p gateway.ImportProgress) { b.set(p.Done, p.Total) },
	}) {
		switch {
		case err == nil:
			out = append(out, r)
		case r.ID == "":
			return nil, err
		default: // this record only
			d.evidence.Refused++
			d.say("  warning: %s: %s", r.ID, record.CodeOf(err))
			out = slices.DeleteFunc(out, func(x gateway.Receipt) bool { return x.ID == r.ID })
		}
	}
	if len(out) == 0 {
		return nil, record.Fail(record.CodeInput, "the input holds no record that can be put")
	}
	return out, nil
}

// choose picks records to follow: some of each collection, due and not.
func choose(receipts []gateway.Receipt, n int) []gateway.Receipt {
	groups := map[string][]gateway.Receipt{}
	for _, r := range receipts {
		key := fmt.Sprintf("%s %t", r.Collection, !pastRetention(r))
		groups[key] = append(groups[key], r)
	}
	var keys []string
	for k := range groups {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out []gateway.Receipt
	for i := 0; len(out) < n; i++ {
		before := len(out)
		for _, k := range keys {
			if i < len(groups[k]) && len(out) < n {
				out = append(out, groups[k][i])
			}
		}
		if len(out) == before {
			break
		}
	}
	slices.SortStableFunc(out, func(x, y gateway.Receipt) int {
		return cmp.Or(cmp.Compare(x.Collection, y.Collection), boolOrder(pastRetention(y))-boolOrder(pastRetention(x)))
	})
	return out
}

func (d *demo) follow(region string, r gateway.Receipt) {
	d.followed = append(d.followed, &followed{
		ID: r.ID, Region: region, Collection: r.Collection, Hash: r.Hash, Due: pastRetention(r),
	})
}

// single generates one Observation or Encounter that is old or recent.
func single(seed uint64, old bool) ([]byte, error) {
	for ; ; seed += 1000 {
		var b bytes.Buffer
		if err := sample.Write(&b, sample.Options{Seed: seed, Entries: 8}); err != nil {
			return nil, err
		}
		sum, err := fhir.Inspect(bytes.NewReader(b.Bytes()), fhir.SplitOptions{})
		if err != nil {
			return nil, err
		}
		for e, err := range fhir.Split(bytes.NewReader(b.Bytes()), sum) {
			if err != nil {
				return nil, err
			}
			if end, ok := e.Resource.EndDate(); ok && (end.Year < sample.DefaultYear-10) == old && len(e.Resource.Security()) == 0 {
				return e.Raw, nil
			}
		}
	}
}

// holdOne puts a legal hold on the due record of the last but one region, so that
// the purge has to leave it alone.
func (d *demo) holdOne(ctx context.Context) error {
	if len(d.regions) < 3 {
		return nil
	}
	region := d.regions[len(d.regions)-2]
	i := slices.IndexFunc(d.followed, func(f *followed) bool { return f.Region == region && f.Due })
	if i < 0 {
		return nil
	}
	c, err := d.client(ctx, region, record.RoleOfficer)
	if err != nil {
		return err
	}
	f := d.followed[i]
	_, err = c.Hold(ctx, gateway.HoldOrder{
		Collection: f.Collection, IDs: []string{f.ID},
		Matter: "demo", Authority: "DEMO, not law: an invented court order", Reason: "to show a hold",
	})
	f.Held = err == nil
	d.say("  %s: a legal hold on %s", region, f.ID)
	return err
}

// read gets salt and bytes of each followed record from its holder.
func (d *demo) read(ctx context.Context) error {
	for _, f := range d.followed {
		c, err := d.client(ctx, f.Region, record.RoleReader)
		if err != nil {
			return err
		}
		r, err := c.Get(ctx, f.ID)
		if err != nil {
			return err
		}
		f.salt, f.body = r.Salt, r.Bytes
	}
	return nil
}
