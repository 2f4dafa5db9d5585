package erasure_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"domicile/erasure"
)

func ExampleScan() {
	dir, err := os.MkdirTemp("", "peer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	line := `level=debug payload="` + base64.StdEncoding.EncodeToString([]byte("name=Canary Zebra;")) + `"`
	if err := os.WriteFile(filepath.Join(dir, "peer.log"), []byte(line), 0o600); err != nil {
		log.Fatal(err)
	}

	report, err := erasure.Scan(context.Background(), erasure.Options{
		Roots:    []string{dir},
		Patterns: []erasure.Pattern{{Name: "record 1, name", Bytes: []byte("Canary Zebra")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range report.Findings {
		fmt.Println(filepath.Base(f.Path), f.Form, f.Pattern, f.Count)
	}
	fmt.Println("clean:", report.Clean())
	// Output:
	// peer.log base64 record 1, name 1
	// clean: false
}
