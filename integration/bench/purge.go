package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"domicile/chaincode/record"
	"domicile/network"
)

// rawGet is one private read whose answer nobody opens.
func (b *bench) rawGet(ctx context.Context, id string) error {
	req, err := json.Marshal(record.GetRequest{Version: record.Version, Region: region, Collection: collection, ID: id})
	if err != nil {
		return err
	}
	p, err := b.users.raw[record.RoleReader].NewProposal(record.FuncRead, client.WithEndorsingOrganizations(org),
		client.WithTransient(map[string][]byte{
			record.FieldOp: []byte(record.OpGet), record.FieldRequest: req, record.FieldKey: random(record.SealKeyLen),
		}))
	if err != nil {
		return err
	}
	if _, err := p.EvaluateWithContext(ctx); err != nil {
		return explain(err)
	}
	return nil
}

// swept is one round of purges.
type swept struct{ perTx, perRecord, sweep, peak float64 }

func (b *bench) purge(ctx context.Context, s *Section) error {
	sizes := []int{1, 10, 50}
	transactions := map[int]int{1: b.many(10), 10: b.many(5), 50: b.many(2)}
	out := make([][]swept, len(sizes))
	more := b.untilBudget()
	for r := range b.rounds {
		if !more(r) {
			break
		}
		for i := range sizes {
			at := (i + r) % len(sizes)
			got, err := b.purgeRound(ctx, sizes[at], transactions[sizes[at]])
			if err != nil {
				return err
			}
			out[at] = append(out[at], got)
		}
		b.say("  round %d of %d, load average %.1f", r+1, b.rounds, loadAverage())
	}
	for i, size := range sizes {
		name := fmt.Sprintf("%d in a transaction", size)
		column := func(f func(swept) float64) []float64 {
			v := make([]float64, len(out[i]))
			for j, x := range out[i] {
				v[j] = f(x)
			}
			return v
		}
		s.add(
			series(name, "ms/tx", column(func(x swept) float64 { return x.perTx })),
			series(name+", records", "records/s", column(func(x swept) float64 { return x.perRecord })),
			series(name+", sweep after the last commit", "ms", column(func(x swept) float64 { return x.sweep })),
			series(name+", peak of the private store", "× before", column(func(x swept) float64 { return x.peak })),
		)
	}
	return nil
}

// purgeRound puts due records, purges them and waits for the sweep.
func (b *bench) purgeRound(ctx context.Context, size, count int) (swept, error) {
	var ids []string
	for left := size * count; left > 0; left -= record.BatchRecords {
		more, err := put(ctx, b.users.raw[record.RoleWriter], min(left, record.BatchRecords), "1990")
		if err != nil {
			return swept{}, err
		}
		ids = append(ids, more...)
	}
	logs, store, err := b.holders(ctx)
	if err != nil {
		return swept{}, err
	}
	before := sizeOf(store)
	peak := watchPeak(store)
	start := time.Now()
	for chunk := range slices.Chunk(ids, size) {
		err := write(ctx, b.users.raw[record.RolePurger], record.OpPurge, record.PurgeRequest{
			Version: record.Version, Region: region, Collection: collection, Seed: random(record.SeedLen),
			Ground: record.GroundDue, IDs: chunk,
		})
		if err != nil {
			return swept{}, err
		}
	}
	committed := time.Now()
	for _, l := range logs {
		if err := l.purged(ctx, len(ids)*record.KeysPerRecord); err != nil {
			return swept{}, err
		}
	}
	end := time.Now()
	return swept{
		perTx: ms(committed.Sub(start)) / float64(count), perRecord: float64(len(ids)) / committed.Sub(start).Seconds(),
		sweep: ms(end.Sub(committed)), peak: float64(peak()) / float64(max(1, before)),
	}, nil
}

// holders are the logs of the holder's peers, from their present end on, and the
// private store of the first.
func (b *bench) holders(ctx context.Context) (logs []*sweepLog, store string, err error) {
	nodes, err := b.n.Status(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, x := range nodes {
		if x.Kind != network.KindPeer || x.Org != org {
			continue
		}
		info, err := os.Stat(x.LogFile)
		if err != nil {
			return nil, "", err
		}
		logs = append(logs, &sweepLog{path: x.LogFile, from: info.Size()})
		if store == "" {
			store = filepath.Join(x.DataDir, "ledgersData", "pvtdataStore")
		}
	}
	return logs, store, nil
}

// watchPeak watches the size of a directory until the returned function is called,
// which tells the largest.
func watchPeak(dir string) (peak func() int64) {
	stop, done := make(chan struct{}), make(chan int64)
	go func() {
		most := sizeOf(dir)
		poll := time.NewTicker(10 * time.Millisecond)
		defer poll.Stop()
		for {
			select {
			case <-stop:
				done <- max(most, sizeOf(dir))
				return
			case <-poll.C:
				most = max(most, sizeOf(dir))
			}
		}
	}()
	return func() int64 { close(stop); return <-done }
}

// sweepLog is a peer's log from an offset on.
type sweepLog struct {
	path     string
	from     int64
	patience time.Duration // 0: sweepPatience
}

// sweepLine is what a peer logs at the end of each sweep
// (core/ledger/pvtdatastorage/store.go, deleteDataMarkedForPurge).
var sweepLine = regexp.MustCompile(`Purged private data from private data storage.* numKeysPurged=(\d+)`)

// sweepPatience is how long a sweep may take.
const sweepPatience = time.Minute

// purged waits until the log tells of that many keys.
func (l *sweepLog) purged(ctx context.Context, keys int) error {
	patience := l.patience
	if patience == 0 {
		patience = sweepPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		n, err := l.count()
		if err != nil {
			return err
		}
		if n >= keys {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s tells of %d purged keys, not of %d: %w", l.path, n, keys, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (l *sweepLog) count() (int, error) {
	f, err := os.Open(l.path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if _, err := f.Seek(l.from, io.SeekStart); err != nil {
		return 0, err
	}
	sum := 0
	sc := bufio.NewScanner(f)
	sc.Buffer(make([]byte, 64<<10), 1<<20)
	for sc.Scan() {
		if m := sweepLine.FindSubmatch(sc.Bytes()); m != nil {
			n, err := strconv.Atoi(string(m[1]))
			if err != nil {
				return 0, err
			}
			sum += n
		}
	}
	return sum, sc.Err()
}
