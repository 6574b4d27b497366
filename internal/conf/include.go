package conf

import (
	"fmt"
	"slices"
	"strings"
)

// policy is an IPsec policy for the services below it.
type policy struct {
	at    Pos
	first int // the index its problem gets: how many there were before it
	on    bool
	text  string
}

// comment reads the one kind of comment that means something: on NetBSD and FreeBSD
// "#@" begins the IPsec policy of the services below.
func (r *reader) comment(s string, at cursor) {
	if text, ok := strings.CutPrefix(s, "#@"); ok {
		*r.policy = policy{r.pos(at), len(r.out.Problems), firstByte(text) != '\n', visible(trim(text))}
	}
	if m := r.out.remarks; m != nil && !r.gathering && at.off == at.start { // one after a definition belongs to that
		m.comment(s)
	}
}

// unprotected warns, at the first service below a policy, that the policy is ignored.
// Whoever wrote it did not want the service to run unprotected.
func (r *reader) unprotected() {
	if r.policy.on {
		r.policy.on = false
		r.out.Problems = slices.Insert(r.out.Problems, r.policy.first, Problem{Pos: r.policy.at, Severity: Warning,
			Text: "IPsec policy ignored: the traffic of the services below is not protected by it"})
	}
}

// directive carries out a line that starts with a dot.
func (r *reader) directive(f []Word) {
	switch at := f[0].Pos; {
	case f[0].Text != ".include":
		r.report(Error, at, fmt.Sprintf("unknown directive %q", f[0].Text), suggest(f[0].Text, []string{".include"}))
	case len(f) != 2:
		r.report(Error, at, fmt.Sprintf("%d patterns after .include", len(f)-1), "expected one")
	case r.out.Include == nil:
		r.report(Error, at, ".include is not possible here", "")
	case len(r.files) == maxDepth:
		r.report(Error, f[1].Pos, fmt.Sprintf("%d files include one another", maxDepth), "is a symbolic link a loop?")
	default:
		r.includeFiles(f[1])
	}
}

// includeFiles reads the files that match the pattern. They inherit the
// default address, but cannot change it for this file.
func (r *reader) includeFiles(pattern Word) {
	files, err := r.out.include(r.name(), pattern.Text)
	if err != nil {
		r.report(Error, pattern.Pos, fmt.Sprintf("include %q: %v", pattern.Text, err), "")
	}
	var circle, again []string
	for _, file := range files {
		switch {
		case file.Skip != "":
			r.report(Warning, pattern.Pos, fmt.Sprintf("%q skipped: %s", file.Name, file.Skip), "")
		case r.reading(file):
			circle = append(circle, file.Name)
		case !r.gathering && !file.begin(r.hosts):
			again = append(again, file.Name)
		default:
			r.readInner(file)
		}
	}
	r.repeated(Error, pattern.Pos, circle, "includes itself", "include themselves")
	r.repeated(Hint, pattern.Pos, again, "has been read before", "have been read before")
}

func (r *reader) readInner(file *File) {
	inner := newReader(r.out, file)
	inner.files = append(slices.Clip(r.files), file)
	inner.yield, inner.gathering, inner.policy = r.yield, r.gathering, r.policy
	inner.hosts, inner.hostsAt = r.hosts, r.hostsAt
	inner.read()
	r.stopped = inner.stopped
}

// repeated reports files that are not read again.
func (r *reader) repeated(s Severity, at Pos, files []string, one, many string) {
	switch n := len(files); n {
	case 0:
	case 1:
		r.report(s, at, fmt.Sprintf("%q %s", files[0], one), "it is read once")
	default:
		r.report(s, at, fmt.Sprintf("%q and %d more %s", files[0], n-1, many), "each is read once")
	}
}

// reading tells whether a file is being read, under this name or another.
func (r *reader) reading(file *File) bool {
	return slices.ContainsFunc(r.files, func(f *File) bool { return f == file || f.Name == file.Name })
}
