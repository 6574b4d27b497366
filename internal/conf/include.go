package conf

import (
	"fmt"
	"slices"
	"strings"
)

// comment looks for the one comment that is none: "#@" and an IPsec policy
// for the services below, on NetBSD and FreeBSD. Who wrote it did not want
// them to run unprotected, so its loss is not passed over in silence.
func (r *reader) comment(s string, at cursor) {
	if policy, ok := strings.CutPrefix(s, "#@"); ok && firstByte(policy) != 0 {
		r.report(Warning, r.pos(at), "IPsec policy ignored: the traffic of the services below is not protected by it", "")
	}
}

// directive performs a line that starts with a dot.
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
// default address, and cannot change it for this file.
func (r *reader) includeFiles(pattern Word) {
	files, err := r.out.include(r.name(), pattern.Text)
	if err != nil {
		r.report(Error, pattern.Pos, fmt.Sprintf("include %q: %v", pattern.Text, err), "")
	}
	for _, file := range files {
		if slices.ContainsFunc(r.files, func(f *File) bool { return f.Name == file.Name }) {
			r.report(Error, pattern.Pos, fmt.Sprintf("%q includes itself", file.Name), "it is read once")
			continue
		}
		inner := newReader(r.out, file)
		inner.files = append(slices.Clip(r.files), file)
		inner.yield, inner.gathering, inner.hosts = r.yield, r.gathering, r.hosts
		inner.read()
		r.stopped = inner.stopped
	}
}
