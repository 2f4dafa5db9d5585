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
		// Three batches and one transaction that settles; a rest before the second and the third.
		"half of its time":                     {2 * time.Second, 0.5, 8*time.Second + 2*2*time.Second},
		"not at all":                           {2 * time.Second, 1, 8 * time.Second},
		"most of its time":                     {2 * time.Second, 0.2, 8*time.Second + 2*8*time.Second},
		"by default half":                      {2 * time.Second, 0, 8*time.Second + 2*2*time.Second},
		"no share is above one":                {2 * time.Second, 7, 8*time.Second + 2*2*time.Second},
		"and never longer than the longest":    {time.Minute, 0.5, 4*time.Minute + 2*MaxRest},
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
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		took, res, err := paced(t, 4*time.Second, 0.5, ctx)
		// One batch until the fourth second, a rest until the fifth, and the settling.
		if !errors.Is(err, context.DeadlineExceeded) || res.Purged != 10 || res.Tombstoned != 10 || took != 9*time.Second {
			t.Errorf("took %s; %+v, %v", took, res, err)
		}
	})
}
