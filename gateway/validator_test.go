package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"domicile/fhir"
)

// program returns the path of the real checker in bin/, which is built here if make
// has not.
var program = sync.OnceValues(func() (string, error) {
	built, err := filepath.Abs(filepath.Join("..", "bin", ValidatorProgram))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(built); err == nil {
		return built, nil
	}
	build := exec.Command("go", "build", "-o", built, ".")
	build.Dir = filepath.Join("..", "fhir", "r4check")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return built, nil
})

func startValidator(t testing.TB) Validator {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	v, err := StartValidator(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

func TestEveryIssueSaysWhichCheckFoundIt(t *testing.T) {
	v := startValidator(t)
	tests := map[string]struct {
		in, want string
	}{
		"a valid resource":         {`{"resourceType":"Patient","active":true}`, `true []`},
		"a byte order mark":        {"\ufeff {\"resourceType\":\"Patient\",\"active\":true}\n", `true []`},
		"the strict parser":        {`{"resourceType":"Patient","id":"a","id":"b"}`, `false [{id json:duplicate-key}]`},
		"the structure":            {`{"resourceType":"Patient","name":[]}`, `false [{Patient.name structure:empty-array}]`},
		"the definitions":          {`{"resourceType":"Patient","gender":"Secret"}`, `false [{Patient.gender r4:code}]`},
		"the definitions and more": {`{"resourceType":"Patient","gender":"Secret","name":[]}`, `false [{Patient.name structure:empty-array} {Patient.gender r4:code}]`},
		"hidden labels":            {`{"resourceType":"Patient","Meta":{"security":[{"code":"R"}]}}`, `false [{Patient.Meta structure:name-case}]`},
		"no resource at all":       {``, `false [{ json:not-json}]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := v.Validate(t.Context(), []byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprint(got.Valid, got.Issues); s != tt.want {
				t.Errorf("got %s, want %s", s, tt.want)
			}
		})
	}
}

func TestARecordOverTheLimitHasAVerdictAndOneAtTheLimitToo(t *testing.T) {
	v := startValidator(t)
	whole := func(n int) []byte {
		const head, tail = `{"resourceType":"Patient","language":"en"`, `}`
		return []byte(head + strings.Repeat(" ", n-len(head)-len(tail)) + tail)
	}
	got, err := v.Validate(t.Context(), whole(fhir.MaxBytes))
	if err != nil || !got.Valid {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = v.Validate(t.Context(), whole(fhir.MaxBytes+1))
	if err != nil || got.Valid || got.Issues[0].Rule != "json:too-large" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTheValidatorMayBeAskedByManyAtOnce(t *testing.T) {
	v := startValidator(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			in, want := `{"resourceType":"Patient","active":true}`, true
			if i%2 == 1 {
				in, want = `{"resourceType":"Patient","active":1}`, false
			}
			for range 50 {
				got, err := v.Validate(t.Context(), []byte(in))
				if err != nil || got.Valid != want {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

// script writes a program for /bin/sh that takes the checker's place.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checker")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

const greeting = `echo '{"program":"fhir-r4check","protocol":1}'` + "\n"

func TestAProgramThatDoesNotGreetIsNotStarted(t *testing.T) {
	for name, path := range map[string]string{
		"missing":        filepath.Join(t.TempDir(), "none"),
		"ends at once":   script(t, "exit 0"),
		"another":        script(t, `echo '{"program":"cat","protocol":1}'`),
		"a later one":    script(t, `echo '{"program":"fhir-r4check","protocol":2}'`),
		"words":          script(t, `echo hello`),
		"endless output": script(t, `exec /bin/cat /dev/zero`),
	} {
		t.Run(name, func(t *testing.T) {
			v, err := StartValidator(t.Context(), path)
			if !errors.Is(err, ErrValidator) {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := StartValidator(ctx, script(t, "exec /bin/sleep 600")); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrValidator) {
		t.Errorf("%v", err)
	}
}

func TestACrashIsAnErrorAndTheNextCallStartsAnew(t *testing.T) {
	flag := filepath.Join(t.TempDir(), "crashed")
	real, err := program()
	if err != nil {
		t.Fatal(err)
	}
	path := script(t, `[ -e `+flag+` ] && exec `+real+"\n"+greeting+`: > `+flag+"\n"+`echo panic: Secret >&2; exit 2`)
	v, err := StartValidator(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	in := []byte(`{"resourceType":"Patient","active":true}`)
	_, err = v.Validate(t.Context(), in)
	if !errors.Is(err, ErrValidator) || strings.Contains(err.Error(), "Secret") {
		t.Errorf("%v", err)
	}
	if got, err := v.Validate(t.Context(), in); err != nil || !got.Valid {
		t.Errorf("%+v, %v", got, err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	if _, err := v.Validate(t.Context(), in); !errors.Is(err, ErrValidator) {
		t.Errorf("after the end: %v", err)
	}
}

func TestAHangEndsWithTheContext(t *testing.T) {
	large := `{"resourceType":"Patient","language":"` + strings.Repeat("a", 1<<20) + `"}` // more than a pipe holds
	for name, in := range map[string]string{"after reading": `{"resourceType":"Patient"}`, "without reading": large} {
		t.Run(name, func(t *testing.T) {
			v, err := StartValidator(t.Context(), script(t, greeting+"exec /bin/sleep 600"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() { // ends it once the program is asked, however long the parser takes before
				defer cancel()
				for len(v.(*validator).turn) == 0 && t.Context().Err() == nil {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(50 * time.Millisecond) // enough for the pipe to fill up, mostly
			}()
			if _, err := v.Validate(ctx, []byte(in)); !errors.Is(err, context.Canceled) || !errors.Is(err, ErrValidator) {
				t.Errorf("%v", err)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnAnswerThatMakesNoSenseIsNoVerdict(t *testing.T) {
	for name, answer := range map[string]string{
		"valid with issues":      `{"valid":true,"issues":[{"path":"a","rule":"b"}]}`,
		"invalid without issues": `{"valid":false}`,
		"a failure":              `{"valid":false,"failed":"x"}`,
		"words":                  `yes`,
		"an unended line":        `{"valid":true`,
	} {
		t.Run(name, func(t *testing.T) {
			v, err := StartValidator(t.Context(), script(t, greeting+"printf '%s' '"+answer+"'\n[ '"+name+"' = 'an unended line' ] || echo\nexec /bin/cat > /dev/null"))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if name == "an unended line" {
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			}
			defer cancel()
			if got, err := v.Validate(ctx, []byte(`{"resourceType":"Patient"}`)); !errors.Is(err, ErrValidator) || got.Valid {
				t.Errorf("%+v, %v", got, err)
			}
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIssuesHoldNoValueOfTheResource(t *testing.T) {
	v := startValidator(t)
	for _, in := range []string{
		`{"resourceType":"Secret"}`,
		`{"resourceType":"Patient","gender":"Secret","Secret":{},"birthDate":"Secret","SecretName":[""]}`,
		`{"resourceType":"Patient","contained":[{"resourceType":"Secret"}],"managingOrganization":{"reference":"#Secret x"}}`,
		`{"resourceType":"Bundle","type":"Secret","entry":[{"resource":{"resourceType":"Patient","deceasedBoolean":"Secret"}}]}`,
		`{"resourceType":"Patient","name":[{"family":"Secret","Secret":null}],"Secret":1,"SECRET":2}`,
	} {
		got, err := v.Validate(t.Context(), []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if out, _ := json.Marshal(got); got.Valid || strings.Contains(strings.ToLower(string(out)), "secret") {
			t.Errorf("%s", out)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	v := startValidator(b)
	in := []byte(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/1"},"valueQuantity":{"value":72.0,"unit":"/min"}}`)
	for b.Loop() {
		if got, err := v.Validate(b.Context(), in); err != nil || !got.Valid {
			b.Fatal(got, err)
		}
	}
}
