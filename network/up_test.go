package network

import (
	"testing"
	"time"
)

func TestANetworkComesUpIsLeftAloneGoesDownAndResumesWithItsData(t *testing.T) {
	ctx, o := testContext(t), testOptions(t)
	began := time.Now()
	n, err := Up(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up in %v", time.Since(began))
	nodes, err := n.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes {
		t.Logf("%+v", node)
		if node.State != StateRunning {
			t.Errorf("%s is %s", node.Name, node.State)
		}
	}
}
