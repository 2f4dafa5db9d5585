package purge

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A batch of three takes as long as slow says, and its tombstones the same.
func paced(t *testing.T, slow time.Duration, share float64, ctx context.Context) (time.Duration, *Result, error) {
	t.Helper()
	f := newFake()
	f.pageLen = 100
	f.add(30, 100, "2020-01-01")
	f.hook = func(_ int, name string) {
		if name == "Purge" {
			time.Sleep(slow)
		}
	}
	o := options()
	o.Peers, o.Share = &peers{f: f}, share
	start := time.Now()
	res, err := Run(ctx, f, o)
	return time.Since(start), res, err
}

func TestARunRestsInProportionToWhatItDid(t *testing.T) {
	for name, c := range map[string]struct {
		slow  time.Duration
		share float64
		want  time.Duration
	}{
		// Three batches and one transaction that settles; a rest before the second and the
		// third, of which the first counts from the end of the head start.
		"half of its time":                     {12 * time.Second, 0.5, 48*time.Second + 2*time.Second + MaxRest},
		"not at all":                           {12 * time.Second, 1, 48 * time.Second},
		"a quarter of its time":                {12 * time.Second, 0.25, 48*time.Second + 6*time.Second + MaxRest},
		"by default two fifths":                {12 * time.Second, 0, 48*time.Second + 3*time.Second + MaxRest},
		"no share is above one":                {12 * time.Second, 7, 48*time.Second + 3*time.Second + MaxRest},
		"and never longer than the longest":    {time.Minute, 0.5, 4*time.Minute + 2*MaxRest},
		"a small purge is over before":         {HeadStart / 2, 0.5, 4 * HeadStart / 2},
		"what begins after it pays in full":    {HeadStart, 0.5, 4*HeadStart + HeadStart},
		"a batch that took no time needs none": {0, 0.5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, res, err := paced(t, c.slow, c.share, t.Context())
				if err != nil || res.Purged != 30 || took != c.want {
					t.Errorf("took %s, want %s; %+v, %v", took, c.want, res, err)
				}
			})
		})
	}
}

func TestARunThatIsStoppedDoesNotFinishItsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), HeadStart+5*time.Second)
		defer cancel()
		took, res, err := paced(t, HeadStart+4*time.Second, 0.5, ctx)
		// One batch for four seconds more than the head start, a rest of one, and the settling.
		if !errors.Is(err, context.DeadlineExceeded) || res.Purged != 10 || res.Tombstoned != 10 || took != 2*HeadStart+9*time.Second {
			t.Errorf("took %s; %+v, %v", took, res, err)
		}
	})
}
