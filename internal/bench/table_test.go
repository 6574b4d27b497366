package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPage(t *testing.T) {
	t.Parallel()
	rate := &series{name: "tiny", unit: "conn/s", higher: true}
	memory := &series{name: "memory", unit: "KiB"}
	failed := &series{name: "burst", unit: "failed", kind: count}
	reload := &series{name: "reload", unit: "ms", base: debianName}
	for round := range 3 {
		rate.put(referenceName, round, 4000)
		rate.put(oursName, round, 5000)
		rate.put(debianName, round, 1500)
		memory.put(referenceName, round, 100)
		memory.put(oursName, round, 3000)
		memory.put(debianName, round, 1612.5)
		failed.put(oursName, round, 0)
		failed.put(debianName, round, 2)
		reload.put(oursName, round, 8.5)
		reload.put(debianName, round, 34)
	}
	r := results{series: []*series{rate, memory, failed, reload}}
	r.missing(referenceName, "reload", "reads no configuration")

	page := r.page("somewhere\n", []string{referenceName, oursName, debianName}, nil)
	if !strings.HasPrefix(page, "# inetd and its peers, measured\n\nsomewhere\n") {
		t.Errorf("the page starts with %.80q", page)
	}
	var lines []string
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "*") {
			lines = append(lines, line)
		}
	}
	want := `# inetd and its peers, measured
## Ratios
| | better | reference | inetd | openbsd-inetd |
|---|---|--:|--:|--:|
| tiny, conn/s | higher | 1.00 | 1.25 | 0.38 |
| memory, KiB | lower | 1.00 | 30.00 | 16.12 |
| burst, failed | lower | - | 0 | 6 |
| reload, ms | lower | - | 0.25 | 1.00 |
## Absolute figures
| | better | reference | inetd | openbsd-inetd |
|---|---|--:|--:|--:|
| tiny, conn/s | higher | 4000 | 5000 | 1500 |
| memory, KiB | lower | 100 | 3000 | 1612 |
| burst, failed | lower | - | 0 | 6 |
| reload, ms | lower | - | 8.50 | 34.0 |
## Missing figures
* reference, reload: reads no configuration
## Where inetd is not first
* memory, KiB: openbsd-inetd 1612, inetd 3000
`
	got := strings.ReplaceAll(strings.Join(lines, ""), "\u2013", "-")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestPageOfAWinner(t *testing.T) {
	t.Parallel()
	s := &series{name: "tiny", unit: "conn/s", higher: true}
	s.put(oursName, 0, 2)
	s.put("busybox", 0, 1)
	r := results{series: []*series{s}}
	page := r.page("", []string{oursName, "busybox"}, nil)
	if !strings.HasSuffix(page, "Nowhere in this run.\n") {
		t.Errorf("the page ends with %q", page[len(page)-60:])
	}
}

// TestPageWithoutOurs: the page of a run without our daemon, or without a figure
// of it, does not say that it is first everywhere.
func TestPageWithoutOurs(t *testing.T) {
	t.Parallel()
	s := &series{name: "tiny", unit: "conn/s", higher: true}
	s.put("busybox", 0, 1)
	r := results{series: []*series{s}}
	for _, daemons := range [][]string{{referenceName, "busybox"}, {referenceName, oursName, "busybox"}} {
		if page := r.page("", daemons, nil); strings.Contains(page, "not first") {
			t.Errorf("%v: the page says where we are not first:\n%s", daemons, page)
		}
	}
}
