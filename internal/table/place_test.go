package table

import (
	"testing"

	"inetd/internal/conf"
	"inetd/internal/plan"
)

// TestPlaceOutlivesReload: a server of a removed service may still fail after the reload,
// and then the log names the file that its entry was in.
func TestPlaceOutlivesReload(t *testing.T) {
	t.Parallel()
	generationOf := func(names []string, files ...string) *Generation {
		p := &plan.Plan{}
		for i, f := range files {
			p.Services = append(p.Services, &plan.Service{Label: f, At: conf.Pos{File: f, Line: i + 1}, Do: &plan.Action{Builtin: "echo"}})
		}
		g, err := Assemble(p, nil, nil, names)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	before := generationOf(nil, "a.conf", "b.conf", "c.conf")
	now := generationOf(before.Names, "d.conf", "b.conf")
	if got := now.Place(before.Services[2]); got != "c.conf:3" {
		t.Errorf("the service that was removed is at %q", got)
	}
	for i, want := range []string{"d.conf:1", "b.conf:2"} {
		if got := now.Place(now.Services[i]); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if len(now.Names) != 4 {
		t.Errorf("names %q", now.Names)
	}
}
