package watch

import (
	"os"
	"time"
)

// changes are the ways in which the content at a path changes.
var changes = []struct {
	name   string
	before func(d tree) // makes what is there at Set
	paths  []string
	change func(d tree)
	want   []string // the paths that Changed sends
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
}
