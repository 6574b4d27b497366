package main

import (
	"fmt"
	"io"
)

// report is the table at the end.
type report struct {
	kinds         []*kind
	deeds         []*deed
	before, after usage
	dead          error
	failed        bool
}

// mayGrow is how much the daemon's memory may grow, in KiB.
const mayGrow = 256

// moreThreads is how many threads it may add: Go's runtime starts another when one is
// held up in the kernel, and an upgrade begins the daemon's program anew.
const moreThreads = 2

func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "%-28s %10s %10s\n", "client of", "served", "lost")
	for _, k := range r.kinds {
		fmt.Fprintf(w, "%-28s %10d %10d\n", k.name, k.served.Load(), k.lost.Load())
		if err := k.first.Load(); err != nil {
			r.fault(w, (*err).Error())
		} else if k.served.Load() == 0 {
			r.fault(w, "nobody was served")
		}
	}
	fmt.Fprintf(w, "\n%-28s %10s %10s\n", "what was done", "times", "refused")
	told := map[*deed]bool{}
	for _, e := range r.deeds {
		if told[e] {
			continue
		}
		told[e] = true
		fmt.Fprintf(w, "%-28s %10d %10d\n", e.name, e.done, e.refused)
		if e.last != nil {
			fmt.Fprintf(w, "    %v\n", e.last)
		}
	}
	if r.dead != nil {
		r.fault(w, r.dead.Error())
		return
	}
	fmt.Fprintf(w, "\n%-28s %10s %10s\n", "the daemon has", "before", "after")
	for _, row := range []struct {
		what          string
		before, after int
		more          int // how much more is allowed
	}{
		{"descriptors", r.before.descriptors, r.after.descriptors, 0},
		{"threads", r.before.threads, r.after.threads, moreThreads},
		{"goroutines", r.before.goroutines, r.after.goroutines, 0},
		{"servers", r.before.children, r.after.children, 0},
		{"memory (PSS), KiB", r.before.pss, r.after.pss, mayGrow},
	} {
		fmt.Fprintf(w, "%-28s %10d %10d\n", row.what, row.before, row.after)
		if row.after > row.before+row.more {
			r.fault(w, fmt.Sprintf("%d more", row.after-row.before))
		}
	}
}

// fault notes that something is not as it should be.
func (r *report) fault(w io.Writer, text string) {
	r.failed = true
	fmt.Fprintf(w, "    FAILED: %s\n", text)
}
