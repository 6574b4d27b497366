package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is a directory that a test changes.
type tree struct {
	t    *testing.T
	root string
}

func (d tree) path(name string) string { return filepath.Join(d.root, name) }

func (d tree) rel(path string) string {
	d.t.Helper()
	name, err := filepath.Rel(d.root, path)
	ok(d.t, err)
	return name
}

func (d tree) write(name, text string) {
	d.t.Helper()
	ok(d.t, os.WriteFile(d.path(name), []byte(text), 0o600))
}

func (d tree) add(name, text string) {
	d.t.Helper()
	f, err := os.OpenFile(d.path(name), os.O_APPEND|os.O_WRONLY, 0)
	ok(d.t, err)
	defer f.Close()
	_, err = f.WriteString(text)
	ok(d.t, err)
}

func (d tree) mkdir(name string)  { d.t.Helper(); ok(d.t, os.MkdirAll(d.path(name), 0o700)) }
func (d tree) remove(name string) { d.t.Helper(); ok(d.t, os.RemoveAll(d.path(name))) }

func (d tree) rename(from, to string) {
	d.t.Helper()
	ok(d.t, os.Rename(d.path(from), d.path(to)))
}

// link makes name a symbolic link to target, which may be relative.
func (d tree) link(target, name string) {
	d.t.Helper()
	ok(d.t, os.Symlink(target, d.path(name)))
}

// next returns the next path from Changed.
func next(t *testing.T, w *Watcher) string {
	t.Helper()
	select {
	case name := <-w.Changed():
		return name
	case <-time.After(time.Minute):
		t.Fatal("nothing was told")
		return ""
	}
}

// All the changes happen at once, each to a tree and a Watcher of its own, because it
// takes a while until Changed sends each.
func TestChanges(t *testing.T) {
	t.Parallel()
	trees, watchers := make([]tree, len(changes)), make([]*Watcher, len(changes))
	for i, tt := range changes {
		trees[i] = tree{t, filepath.Join(t.TempDir(), "tree")}
		trees[i].mkdir("")
		tt.before(trees[i])
	}
	for i, tt := range changes {
		w := New()
		defer w.Close()
		watchers[i] = w
		var paths []string
		for _, p := range tt.paths {
			paths = append(paths, trees[i].path(p))
		}
		w.Set(append(paths, trees[i].path("../last")))
		ok(t, w.Degraded())
	}
	for i, tt := range changes {
		tt.change(trees[i])
	}
	got := make([][]string, len(changes))
	for i, tt := range changes {
		for range tt.want {
			got[i] = append(got[i], trees[i].rel(next(t, watchers[i])))
		}
		// All paths are looked at in order: when the last one is told, nothing
		// else is to come. It lies outside, to bring nothing to light.
		trees[i].write("../last", "new")
	}
	for i, tt := range changes {
		for name := ""; name != "../last"; {
			name = trees[i].rel(next(t, watchers[i]))
			got[i] = append(got[i], name)
		}
		if diff := cmp.Diff(append(tt.want, "../last"), got[i]); diff != "" {
			t.Errorf("%s: told (-want +got):\n%s", tt.name, diff)
		}
	}
}

// inTurn makes the changes one after the other, and expects path from Changed after each.
func inTurn(t *testing.T, path string, changes ...func()) {
	t.Helper()
	w := New()
	defer w.Close()
	w.Set([]string{path})
	for i, change := range changes {
		change()
		if got := next(t, w); got != path {
			t.Fatalf("change %d: told %q", i, got)
		}
	}
}

// What is watched vanishes and comes back in every way.
func TestStaysAwake(t *testing.T) {
	t.Parallel()
	d := tree{t, t.TempDir()}
	d.mkdir("etc")
	d.write("etc/conf", "0")
	inTurn(t, d.path("etc/conf"),
		func() { d.write("new", "1"); d.rename("new", "etc/conf") },
		func() { d.remove("etc") },
		func() { d.mkdir("etc"); d.write("etc/conf", "3") },
		func() { d.rename("etc", "gone") },
		func() { d.mkdir("etc"); d.write("etc/conf", "5") },
		func() { d.rename("etc/conf", "etc/conf.bak"); d.write("etc/conf", "6") },
		func() { d.write("etc/conf", "7") },
	)
}

// A link that points elsewhere is followed to there.
func TestFollowsLinks(t *testing.T) {
	t.Parallel()
	d := tree{t, t.TempDir()}
	d.mkdir("1")
	d.mkdir("2")
	d.write("1/conf", "old")
	d.write("2/conf", "new")
	d.link("1", "current")
	d.link("2", "next")
	inTurn(t, d.path("current/conf"),
		func() { d.rename("next", "current") },
		func() { d.write("2/conf", "newer") },
	)
}

// Set replaces the paths and takes them as they are.
func TestSetAnew(t *testing.T) {
	t.Parallel()
	w := New()
	defer w.Close()
	d := tree{t, t.TempDir()}
	d.write("a", "old")
	w.Set([]string{d.path("a")})
	d.write("a", "new")
	w.Set([]string{d.path("a"), d.path("b")})
	d.write("b", "new")
	if got := next(t, w); got != d.path("b") {
		t.Errorf("told %q", got)
	}
	w.Set([]string{d.path("b")})
	d.write("a", "newer")
	d.write("b", "newer")
	if got := next(t, w); got != d.path("b") {
		t.Errorf("told %q", got)
	}
}

func TestRelativePath(t *testing.T) {
	w := New()
	defer w.Close()
	d := tree{t, t.TempDir()}
	t.Chdir(d.root)
	w.Set([]string{"conf"})
	t.Chdir("/")
	d.write("conf", "new")
	if got := next(t, w); got != "conf" {
		t.Errorf("told %q", got)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	w := New()
	w.Close()
	w.Set([]string{"/etc"})
	w = New()
	w.Set([]string{"/etc"})
	w.Close()
	w.Close()
	w.Set([]string{"/etc"})
}
