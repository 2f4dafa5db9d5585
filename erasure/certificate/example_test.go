package certificate_test

import (
	"fmt"
	"os"

	"domicile/erasure/certificate"
)

func ExampleVerify() {
	file, err := os.ReadFile("testdata/anchored.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	genesis, err := os.ReadFile("testdata/genesis.block")
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := certificate.Verify(file, genesis)
	if err != nil {
		fmt.Println(err) // names the field that does not hold
		return
	}
	fmt.Println("purged by a transaction of", report.Purge.Submitter, "confirmed by", len(report.Tombstone.Endorsers), "organisations")
	fmt.Println(len(report.Proves), "things proved,", len(report.Stated), "stated by somebody,", len(report.Unprovable), "that nobody can prove")
	// Output:
	// purged by a transaction of AuHealth confirmed by 2 organisations
	// 6 things proved, 4 stated by somebody, 5 that nobody can prove
}
