package watch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A directory above is watched for its own end alone, and for what appears in it only
// while a name is missing there.
func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(d tree)
		path string
		want map[string]interest // below the tree
	}{
		{"a file", func(d tree) { d.mkdir("a"); d.write("a/conf", "") }, "a/conf",
			map[string]interest{"a": {replaced, ""}, "a/conf": {written, ""}}},
		{"no file", func(d tree) { d.mkdir("a") }, "a/conf",
			map[string]interest{"a": {appears, "/conf/"}}},
		{"no directory", func(d tree) { d.mkdir("a") }, "a/b/c/conf",
			map[string]interest{"a": {appears, "/b/"}}},
		{"a directory", func(d tree) { d.mkdir("a/d") }, "a/d",
			map[string]interest{"a": {replaced, ""}, "a/d": {filled, ""}}},
		{"a link", func(d tree) { d.mkdir("a"); d.write("conf", ""); d.link("../conf", "a/conf") }, "a/conf",
			map[string]interest{"a": {replaced, ""}, "a/conf": {unlinked, ""}, "conf": {written, ""}}},
		{"a link to nothing", func(d tree) { d.mkdir("a"); d.link("other", "a/conf") }, "a/conf",
			map[string]interest{"a": {appears, "/other/"}, "a/conf": {unlinked, ""}}},
		{"a hidden link in a directory", func(d tree) { d.mkdir("d"); d.link("/nowhere", "d/.x") }, "d",
			map[string]interest{"d": {filled, ""}}},
	} {
		d := tree{t, t.TempDir()}
		tt.make(d)
		all := interests{}
		all.find(d.path(tt.path))
		got := map[string]interest{}
		for place, i := range all {
			if name := d.rel(place); name != "." && name[0] != '.' {
				got[name] = i
			} else if i.mask != replaced {
				t.Errorf("%s: %s above is watched for %#x", tt.name, place, i.mask)
			}
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(interest{})); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Only events that concern a watched file are a reason to look.
func TestTells(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		i    interest
		name string
		want bool
	}{
		{interest{replaced, ""}, "", true},
		{interest{appears, "/b//conf/"}, "conf", true},
		{interest{appears, "/b//conf/"}, "con", false},
		{interest{appears, "/conf/"}, "other", false},
		{interest{filled, ""}, "ftp", true},
		{interest{filled, ""}, ".ftp.swp", false},
		{interest{filled, ""}, "ftp~", false},
		{interest{filled, "/..data/"}, "..data", true},
	} {
		if got := tt.i.tells(event{name: tt.name}); got != tt.want {
			t.Errorf("%+v tells of %q: %v", tt.i, tt.name, got)
		}
	}
}
