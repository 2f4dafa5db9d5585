package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"domicile/chaincode/record"
	"domicile/gateway"
)

// part is one question.
type part struct {
	title, note string
	run         func(context.Context, *Section) error
	local       bool // needs no network that others use
}

func (b *bench) parts() []part {
	return []part{
		{"Put, one at a time", "One record of 2 KB a transaction, fabric-gateway alone as client on both sides. Bare is a chaincode that only calls PutPrivateData: once, with the same bytes; or eight times, as a record has eight keys.", b.putOne, false},
		{"Put, 16 at a time", "The same with 16 clients.", b.putMany, false},
		{"Records in a transaction", "1, 5, 10 or 25 records of 2 KB in a put transaction, 16 clients.", b.batches, false},
		{"Get", "One record of 2 KB, one client. Raw is the contract's sealed answer alone; the gateway client also opens it and checks it against the ledger's hash.", b.get, false},
		{"Anchor", "One record put and anchored by the gateway client; the lag is from the put's commit to the anchor's.", b.anchor, false},
		{"Purge", "Due records purged 1, 10 or 50 in a transaction, one client. The sweep ends when all three peers of the holder have logged it; the peak is that of one peer's private store over its size before.", b.purge, false},
		{"The gateway client's overhead", "The same transaction through package gateway and through fabric-gateway alone, one client, one peer. The import also looks whether the record is there already, before it puts it.", b.overhead, false},
		{"The network", fmt.Sprintf("%d processes, from nothing to the policy in force, programs built; idle for 10 s before memory is read.", len(b.pids)), b.network, false},
		{"From purge to attested", "100 due records of a holder with two peers, beside 64 MB that stay: domicile purge run, scrub and attest, until a signed attestation finds nothing on disks and in memory.", b.toAttested, false},
	}
}

// n is count, or much less in a quick run.
func (b *bench) many(count int) int {
	if b.quick {
		return max(2, count/12)
	}
	return count
}

func (b *bench) domicilePut(records int) work {
	return func(ctx context.Context) error {
		_, err := put(ctx, b.users.raw[record.RoleWriter], records, "2026")
		return err
	}
}

func (b *bench) barePut(further bool) work {
	return func(ctx context.Context) error {
		return submit(ctx, b.users.raw[record.RoleWriter], "Bare", bareFields(further), collection)
	}
}

func (b *bench) putSides(count int) []side {
	return []side{
		{"domicile", count, 1, b.domicilePut(1)},
		{"bare, 1 key", count, 1, b.barePut(false)},
		{"bare, 8 keys", count, 1, b.barePut(true)},
	}
}

func (b *bench) putOne(ctx context.Context, s *Section) error {
	sides := b.putSides(b.many(10))
	got, err := b.compare(ctx, 1, sides...)
	if err != nil {
		return err
	}
	var lat, cpu [3]Series
	for i, x := range sides {
		lat[i] = of(x.name+", p50", "ms", got[i], p50)
		cpu[i] = of(x.name+", network CPU", "ms/tx", got[i], networkCPU)
		s.add(lat[i], cpu[i])
	}
	over := of("domicile, commit beyond the batch interval", "ms", got[0], func(t took) float64 { return t.p50 - b.interval() })
	s.add(over)
	s.rate(
		ratio("speed of bare with 1 key, by p50", lat[1], lat[0], atLeast(0.85)),
		ratio("speed of bare with 8 keys, by p50", lat[2], lat[0], aim{}),
		ratio("network CPU over bare with 1 key", cpu[0], cpu[1], aim{}),
		figure(over, atMost(60, " ms")),
	)
	return nil
}

func (b *bench) putMany(ctx context.Context, s *Section) error {
	sides := b.putSides(b.many(96))
	got, err := b.compare(ctx, 16, sides...)
	if err != nil {
		return err
	}
	var tps, cpu [3]Series
	for i, x := range sides {
		tps[i] = of(x.name, "tx/s", got[i], perSecond)
		cpu[i] = of(x.name+", network CPU", "ms/tx", got[i], networkCPU)
		s.add(tps[i], of(x.name+", p50", "ms", got[i], p50), cpu[i])
	}
	s.rate(
		ratio("throughput of bare with 1 key", tps[0], tps[1], atLeast(0.85)),
		ratio("throughput of bare with 8 keys", tps[0], tps[2], aim{}),
		ratio("1/CPU of bare with 1 key", cpu[1], cpu[0], atLeast(0.85)),
		ratio("1/CPU of bare with 8 keys", cpu[2], cpu[0], aim{}),
	)
	return nil
}

func (b *bench) batches(ctx context.Context, s *Section) error {
	var sides []side
	for _, n := range []int{1, 5, 10, 25} {
		sides = append(sides, side{fmt.Sprintf("%d in a transaction", n), b.many(48), n, b.domicilePut(n)})
	}
	got, err := b.compare(ctx, 16, sides...)
	if err != nil {
		return err
	}
	var rate, cpu [4]Series
	for i, x := range sides {
		rate[i] = of(x.name, "records/s", got[i], perSecond)
		cpu[i] = of(x.name+", network CPU", "ms/record", got[i], networkCPU)
		s.add(rate[i], cpu[i])
	}
	s.rate(
		ratio("10 in a transaction over 1, records/s", rate[2], rate[0], atLeast(5)),
		ratio("25 in a transaction over 1, records/s", rate[3], rate[0], aim{}),
		ratio("1 in a transaction over 10, network CPU of a record", cpu[0], cpu[2], aim{}),
	)
	return nil
}

func (b *bench) get(ctx context.Context, s *Section) error {
	ids, err := put(ctx, b.users.raw[record.RoleWriter], 10, "2026")
	if err != nil {
		return err
	}
	next := 0
	id := func() string { next++; return ids[next%len(ids)] }
	count := b.many(50)
	got, err := b.compare(ctx, 1,
		side{"raw", count, 1, func(ctx context.Context) error { return b.rawGet(ctx, id()) }},
		side{"gateway client", count, 1, func(ctx context.Context) error {
			_, err := b.users.sdk[record.RoleReader].Get(ctx, id())
			return err
		}},
	)
	if err != nil {
		return err
	}
	s.add(of("raw, p50", "ms", got[0], p50), of("gateway client, p50", "ms", got[1], p50), of("gateway client", "gets/s", got[1], perSecond))
	return nil
}

// anchor times the put of one record and its anchor.
func (b *bench) anchor(ctx context.Context, s *Section) error {
	var puts, lags []float64
	for range b.many(20) {
		start := time.Now()
		var committed time.Time
		for _, err := range b.users.sdk[record.RoleWriter].Import(ctx, bytes.NewReader(resource("2026")), gateway.ImportOptions{}) {
			if err != nil {
				return err
			}
			committed = time.Now()
		}
		puts = append(puts, ms(committed.Sub(start)))
		lags = append(lags, ms(time.Since(committed)))
	}
	s.add(series("put", "ms", puts), series("lag of the anchor behind it", "ms", lags))
	return nil
}

func (b *bench) overhead(ctx context.Context, s *Section) error {
	const text = "bench"
	sdk, raw := b.users.sdk, b.users.raw
	count := b.many(10)
	got, err := b.compare(ctx, 1,
		side{"hold, fabric-gateway alone", count, 1, func(ctx context.Context) error {
			return write(ctx, raw[record.RoleOfficer], record.OpHold, record.HoldRequest{
				Version: record.Version, Region: region, Collection: collection, Seed: random(record.SeedLen),
				Subjects: []string{token()}, Matter: text, Authority: text, Reason: text,
			})
		}},
		side{"hold, gateway client", count, 1, func(ctx context.Context) error {
			_, err := sdk[record.RoleOfficer].Hold(ctx, gateway.HoldOrder{
				Collection: collection, Subjects: []string{token()}, Matter: text, Authority: text, Reason: text,
			})
			return err
		}},
		side{"put, fabric-gateway alone", count, 1, b.domicilePut(1)},
		side{"import of one, gateway client", count, 1, func(ctx context.Context) error {
			for _, err := range sdk[record.RoleWriter].Import(ctx, bytes.NewReader(resource("2026")), gateway.ImportOptions{NoAnchor: true}) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
	)
	if err != nil {
		return err
	}
	var lat, cpu [4]Series
	for i, name := range []string{"hold, fabric-gateway alone", "hold, gateway client", "put, fabric-gateway alone", "import of one, gateway client"} {
		lat[i] = of(name+", p50", "ms", got[i], p50)
		cpu[i] = of(name+", client CPU", "ms/tx", got[i], clientCPU)
		s.add(lat[i], cpu[i])
	}
	s.rate(
		ratio("hold, gateway client over fabric-gateway alone, p50", lat[1], lat[0], atMost(1.05, "")),
		ratio("hold, gateway client over fabric-gateway alone, client CPU", cpu[1], cpu[0], aim{}),
		ratio("import of one over a put by fabric-gateway alone, p50", lat[3], lat[2], aim{}),
		ratio("import of one over a put by fabric-gateway alone, client CPU", cpu[3], cpu[2], aim{}),
	)
	return nil
}

func (b *bench) network(_ context.Context, s *Section) error {
	const gb = 1 << 30
	rss := series("resident memory, summed over processes", "GiB", []float64{b.memory[0] / gb})
	pss := series("memory, shared pages counted once", "GiB", []float64{b.memory[1] / gb})
	if len(b.up) > 0 {
		up := series("network up", "s", b.up)
		s.add(up)
		s.rate(figure(up, atMost(12, " s")))
	}
	s.add(rss, pss, series("CPU of one core while idle", "ms/s", []float64{b.idle.network}))
	s.rate(figure(rss, atMost(2.5, " GiB")), figure(pss, atMost(2.5, " GiB")))
	return nil
}
