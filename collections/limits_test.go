package collections

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"domicile/internal/cpu"
)

// Documents of the full size made to cost work: each must be refused, in words of
// bounded length and in a time that only a quadratic reader exceeds.
func TestListsAreShortEnoughToReadAndToAssess(t *testing.T) {
	many := func(n int, line string) string { return strings.Repeat(line, n) }
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "      - {name: r%d, trigger: end, keep: 1y, authority: a law}\n", i)
		}
		return withRow(t, b.String())
	}
	if _, err := Parse([]byte(rows(maxRows-1)), "p.yaml"); err != nil { // and the one that is there
		t.Error(err)
	}
	for name, s := range map[string]string{
		"rows":       rows(maxRows),
		"conditions": withRow(t, "      - {name: r, trigger: end, keep: 1y, authority: a law, applies-if: ["+many(maxParts+1, "{fact: death, known: true}, ")+"]}\n"),
		"periods":    withRow(t, "      - {name: r, until: ["+many(maxParts+1, "{trigger: end, keep: 1y}, ")+"], combine: max, authority: a law}\n"),
	} {
		if _, err := Parse([]byte(s), "p.yaml"); err == nil || !strings.Contains(err.Error(), "entries; at most") {
			t.Errorf("%s: %v", name, err)
		}
	}
	const part = "version: 1\nlog: l\ndefault: d\n"
	for name, s := range map[string]string{
		"confirmations": "confirmations: [" + many(maxItems+1, "{}, ") + "]",
		"local systems": "labels: {local: [" + many(maxSystems+1, "{}, ") + "]}",
		"local codes":   "labels: {local: [{url: u, codes: [" + many(maxItems+1, "{}, ") + "]}]}",
		"classes":       "classes: [" + many(maxItems+1, "{}, ") + "]",
		"settings": "settings: {" + func() string {
			var b strings.Builder
			for i := range maxItems + 1 {
				fmt.Fprintf(&b, "c%d: {}, ", i)
			}
			return b.String()
		}() + "}",
	} {
		if _, err := ParsePrivateYAML([]byte(part+s), "p.yaml"); err == nil || !strings.Contains(err.Error(), "entries; at most") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHostileDocumentsAreRefusedInLittleTime(t *testing.T) {
	fill := func(head, line string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < MaxSize-200; i++ {
			b.WriteString(strings.ReplaceAll(line, "#", fmt.Sprint(i)))
		}
		return b.String()
	}
	const head = "version: 1\nname: x\nregions:\n"
	for name, s := range map[string]string{
		"many keys":          fill("version: 1\n", "k#: 1\n"),
		"many regions":       fill(head, "- {name: r#, within: s#}\n"),
		"one region often":   fill(head, "- name: us\n"),
		"many collections":   fill(head+"- name: us\n  collections:\n", "  - {name: r#, log: s#}\n"),
		"many members":       fill(head+"- name: us\n  collections:\n  - name: us-a\n    members:\n", "    - A#\n"),
		"many bad logs":      head + strings.Repeat("- name: us\n  collections:\n"+strings.Repeat("  - {name: aaaaaaaaaaaa, log: bbbbbbbbbbbb}\n", 900), 25),
		"deep lists":         strings.Repeat("- ", MaxSize/2),
		"deep mappings":      strings.Repeat("{a: ", MaxSize/4),
		"many small lists":   strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"one very long name": "version: 1\nname: " + strings.Repeat("x", MaxSize-200),
	} {
		t.Run(name, func(t *testing.T) {
			start := cpu.Time()
			_, err := Parse([]byte(s), "hostile.yaml")
			if took := cpu.Time() - start; took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if err == nil || len(err.Error()) > 1<<16 {
				t.Errorf("accepted, or refused in too many words")
			}
		})
	}
}
