package labeling_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"domicile/fhir"
	"domicile/fhir/labeling"
	"domicile/internal/sample"
)

// resources are the records that an import would make of the Bundles.
func resources(tb testing.TB, bundles ...[]byte) [][]byte {
	tb.Helper()
	var out [][]byte
	for _, b := range bundles {
		sum, err := fhir.Inspect(bytes.NewReader(b), fhir.SplitOptions{})
		if err != nil {
			tb.Fatal(err)
		}
		for e, err := range fhir.Split(bytes.NewReader(b), sum) {
			if err != nil {
				tb.Fatal(err)
			}
			out = append(out, bytes.Clone(e.Resource.Raw))
		}
	}
	return out
}

// syntheaDir holds real patients of Synthea, if they are there.
var syntheaDir = filepath.Join("..", "..", "..", "shared", "data", "fhir", "synthea")

func synthea(tb testing.TB) map[string][]byte {
	tb.Helper()
	names, _ := filepath.Glob(filepath.Join(syntheaDir, "*.json"))
	if len(names) == 0 {
		tb.Skipf("SKIPPED: no Synthea patients in %s; only made-up ones are used", syntheaDir)
	}
	out := map[string][]byte{}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(n)] = b
	}
	return out
}

// BenchmarkLabel measures what an import does for each resource, on one core:
// parsing it strictly and labelling it.
func BenchmarkLabel(b *testing.B) {
	b.Run("sample", func(b *testing.B) {
		var bundle bytes.Buffer
		if err := sample.WriteHealth(&bundle, sample.HealthOptions{Seed: 1, Patients: 20}); err != nil {
			b.Fatal(err)
		}
		measure(b, resources(b, bundle.Bytes()))
	})
	b.Run("synthea", func(b *testing.B) {
		var bundles [][]byte
		for _, v := range synthea(b) {
			bundles = append(bundles, v)
		}
		measure(b, resources(b, bundles...))
	})
}

func measure(b *testing.B, all [][]byte) {
	rs, o := labeling.Shipped(), labeling.Options{}
	size := 0
	for _, raw := range all {
		size += len(raw)
	}
	b.ReportAllocs()
	n, given := 0, 0
	for b.Loop() {
		r, err := fhir.Parse(all[n%len(all)])
		if err != nil {
			b.Fatal(err)
		}
		given += len(rs.Label(r, o, labeling.Source{}).Labels)
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "resources/s")
	b.ReportMetric(float64(size)/float64(len(all)), "bytes/resource")
	if given < n {
		b.Errorf("%d labels for %d resources", given, n)
	}
}
