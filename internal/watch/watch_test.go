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

// next is the next path told.
func next(t *testing.T, w *Watcher) string {
	t.Helper()
	select {
	case name := <-w.Changed():
		return name
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told")
		return ""
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before func(d tree) // makes what is there at Set
		paths  []string
		change func(d tree)
		want   []string // what is told
	}{
		{
			"written in place",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) { d.write("conf", "new") }, []string{"conf"},
		}, {
			"appended to",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) { d.add("conf", "more") }, []string{"conf"},
		}, {
			"renamed over, as vim and sed -i do",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) { d.write("sedXYZ", "new"); d.rename("sedXYZ", "conf") }, []string{"conf"},
		}, {
			"moved to a backup and written anew",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) { d.rename("conf", "conf~"); d.write("conf", "new") }, []string{"conf"},
		}, {
			"removed",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) { d.remove("conf") }, []string{"conf"},
		}, {
			"made later",
			func(d tree) {}, []string{"conf"},
			func(d tree) { d.write("conf", "") }, []string{"conf"},
		}, {
			"made later with its directories",
			func(d tree) {}, []string{"a/b/c/conf"},
			func(d tree) { d.mkdir("a/b/c"); d.write("a/b/c/conf", "new") }, []string{"a/b/c/conf"},
		}, {
			"never there",
			func(d tree) {}, []string{"conf", "a/b/conf"},
			func(d tree) { d.mkdir("a") }, nil,
		}, {
			"touched, chmodded, neighbours changed",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) {
				ok(d.t, os.Chtimes(d.path("conf"), time.Now(), time.Now()))
				ok(d.t, os.Chmod(d.path("conf"), 0o644))
				d.write("conf.bak", "new")
			}, nil,
		}, {
			"written with the same text",
			func(d tree) { d.write("conf", "old") }, []string{"conf"},
			func(d tree) { d.write("tmp", "old"); d.rename("tmp", "conf") }, nil,
		}, {
			"one of several",
			func(d tree) { d.write("a", "old"); d.write("b", "old"); d.write("c", "old") }, []string{"a", "b", "c"},
			func(d tree) { d.write("b", "new") }, []string{"b"},
		}, {
			"all of several, one named twice",
			func(d tree) { d.write("a", "old"); d.write("b", "old") }, []string{"a", "b", "a"},
			func(d tree) { d.write("b", "new"); d.write("a", "new") }, []string{"a", "b"},
		}, {
			"a link's target is written",
			func(d tree) { d.mkdir("far"); d.write("far/conf", "old"); d.link("far/conf", "conf") }, []string{"conf"},
			func(d tree) { d.write("far/conf", "new") }, []string{"conf"},
		}, {
			"a link's target is renamed over",
			func(d tree) {
				d.mkdir("far")
				d.write("far/conf", "old")
				d.link(d.path("far/conf"), "conf") // absolute
			}, []string{"conf"},
			func(d tree) { d.write("far/new", "new"); d.rename("far/new", "far/conf") }, []string{"conf"},
		}, {
			"a link in the middle of a chain points elsewhere",
			func(d tree) {
				d.mkdir("mid")
				d.write("one", "old")
				d.write("two", "new")
				d.link("../one", "mid/link")
				d.link("mid/link", "conf")
			}, []string{"conf"},
			func(d tree) { d.remove("mid/link"); d.link("../two", "mid/link") }, []string{"conf"},
		}, {
			"a dangling link's target is made",
			func(d tree) { d.mkdir("far"); d.link("far/conf", "conf") }, []string{"conf"},
			func(d tree) { d.write("far/conf", "new") }, []string{"conf"},
		}, {
			"links in a circle",
			func(d tree) { d.link("b", "a"); d.link("a", "b") }, []string{"a"},
			func(d tree) { d.remove("b"); d.write("b", "new") }, []string{"a"},
		}, {
			"a Kubernetes volume is updated",
			func(d tree) {
				d.mkdir("..1")
				d.write("..1/conf", "old")
				d.link("..1", "..data")
				d.link("..data/conf", "conf")
			}, []string{"conf"},
			func(d tree) {
				d.mkdir("..2")
				d.write("..2/conf", "new")
				d.link("..2", "..data_tmp")
				d.rename("..data_tmp", "..data")
				d.remove("..1")
			}, []string{"conf"},
		}, {
			"the directory is replaced",
			func(d tree) { d.mkdir("etc"); d.write("etc/conf", "old") }, []string{"etc/conf"},
			func(d tree) {
				d.mkdir("new")
				d.write("new/conf", "new")
				d.rename("etc", "old")
				d.rename("new", "etc")
			}, []string{"etc/conf"},
		}, {
			"the directory above is removed and made again",
			func(d tree) { d.mkdir("a/b"); d.write("a/b/conf", "old") }, []string{"a/b/conf"},
			func(d tree) { d.remove("a"); d.mkdir("a/b"); d.write("a/b/conf", "new") }, []string{"a/b/conf"},
		}, {
			"a file in a directory is written",
			func(d tree) { d.mkdir("inetd.d"); d.write("inetd.d/ftp", "old") }, []string{"inetd.d"},
			func(d tree) { d.add("inetd.d/ftp", "more") }, []string{"inetd.d"},
		}, {
			"a file in a directory is added",
			func(d tree) { d.mkdir("inetd.d") }, []string{"inetd.d"},
			func(d tree) { d.write("inetd.d/ftp", "") }, []string{"inetd.d"},
		}, {
			"a file in a directory is removed",
			func(d tree) { d.mkdir("inetd.d"); d.write("inetd.d/ftp", "") }, []string{"inetd.d"},
			func(d tree) { d.remove("inetd.d/ftp") }, []string{"inetd.d"},
		}, {
			"a file in a directory is renamed",
			func(d tree) { d.mkdir("inetd.d"); d.write("inetd.d/ftp", "") }, []string{"inetd.d"},
			func(d tree) { d.rename("inetd.d/ftp", "inetd.d/tftp") }, []string{"inetd.d"},
		}, {
			"the target of a link in a directory is written",
			func(d tree) {
				d.mkdir("inetd.d")
				d.mkdir("available")
				d.write("available/ftp", "old")
				d.link("../available/ftp", "inetd.d/ftp")
			}, []string{"inetd.d"},
			func(d tree) { d.write("available/ftp", "new") }, []string{"inetd.d"},
		}, {
			"an editor leaves files in a directory",
			func(d tree) { d.mkdir("inetd.d"); d.write("inetd.d/ftp", "") }, []string{"inetd.d"},
			func(d tree) { d.write("inetd.d/.ftp.swp", "x"); d.write("inetd.d/ftp~", "x") }, nil,
		}, {
			"a directory is removed",
			func(d tree) { d.mkdir("inetd.d") }, []string{"inetd.d"},
			func(d tree) { d.remove("inetd.d") }, []string{"inetd.d"},
		}, {
			"a directory is made",
			func(d tree) {}, []string{"inetd.d"},
			func(d tree) { d.mkdir("inetd.d") }, []string{"inetd.d"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, err := New()
			ok(t, err)
			defer w.Close()
			d := tree{t, t.TempDir()}
			tt.before(d)
			paths := make([]string, 0, len(tt.paths)+1)
			for _, p := range tt.paths {
				paths = append(paths, d.path(p))
			}
			// All are looked at together, in order: when the last one is told,
			// nothing more is to come.
			w.Set(append(paths, d.path("last")))
			ok(t, w.Degraded())
			tt.change(d)
			d.write("last", "new")
			var got []string
			for name := next(t, w); name != d.path("last"); name = next(t, w) {
				rel, err := filepath.Rel(d.root, name)
				ok(t, err)
				got = append(got, rel)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		})
	}
}

// One Watcher over many changes, each in the way that makes a watched file or
// directory vanish.
func TestStaysAwake(t *testing.T) {
	t.Parallel()
	w, err := New()
	ok(t, err)
	defer w.Close()
	d := tree{t, t.TempDir()}
	d.mkdir("etc")
	d.write("etc/conf", "0")
	conf := d.path("etc/conf")
	w.Set([]string{conf})
	for i, change := range []func(){
		func() { d.write("new", "1"); d.rename("new", "etc/conf") },
		func() { d.remove("etc") },
		func() { d.mkdir("etc"); d.write("etc/conf", "3") },
		func() { d.rename("etc", "gone") },
		func() { d.mkdir("etc"); d.write("etc/conf", "5") },
		func() { d.rename("etc/conf", "etc/conf.bak"); d.write("etc/conf", "6") },
		func() { d.write("etc/conf", "7") },
	} {
		change()
		if got := next(t, w); got != conf {
			t.Fatalf("change %d: told %q", i, got)
		}
	}
}

// Set replaces the paths and takes them as they are.
func TestSetAnew(t *testing.T) {
	t.Parallel()
	w, err := New()
	ok(t, err)
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
	w, err := New()
	ok(t, err)
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
	w, err := New()
	ok(t, err)
	ok(t, w.Close())
	w.Set([]string{"/etc"})
	w, err = New()
	ok(t, err)
	w.Set([]string{"/etc"})
	ok(t, w.Close())
	ok(t, w.Close())
	w.Set([]string{"/etc"})
}
