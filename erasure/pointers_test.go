package erasure_test

import (
	"path/filepath"
	"testing"

	"domicile/erasure"
)

func TestCompactErasesADeletedKeyFromTheManifest(t *testing.T) {
	t.Parallel()
	for name, live := range map[string]string{"before it": "a", "behind it": "z", "around it": "az"} {
		dir := filepath.Join(t.TempDir(), "db")
		db := open(t, dir)
		for _, c := range live {
			for i := range 50 {
				must(t, db.Put([]byte{byte(c), byte(i)}, []byte("v"), nil))
			}
		}
		must(t, db.Put([]byte("due/"+canary), []byte("v"), nil))
		must(t, db.Close())
		db = open(t, dir)
		must(t, db.Delete([]byte("due/"+canary), nil))
		must(t, db.Close())
		must(t, erasure.Compact(t.Context(), dir))
		if r := scan(t, dir); len(r.Findings) > 0 {
			t.Errorf("live keys %s: %v", name, r.Findings)
		}
	}
}
