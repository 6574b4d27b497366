package inetd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inetd/internal/plan"
)

// TestLoadGivenUp: a load that does not come back, as from a file on a dead file system,
// is reported and given up, and the next load runs. What the first load finds in the end
// changes nothing.
func TestLoadGivenUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "inetd.conf")
	writeConf(t, file, manyOf(1, "given", "stream unix nowait - internal echo"))
	s := serving(t, file)
	dead, reads := make(chan struct{}), make(chan bool)
	s.load = func(_ *plan.Config, host *plan.Host) *plan.Plan {
		host.Reading(&file)
		reads <- true
		<-dead
		return &plan.Plan{}
	}
	s.attempts.Limit = 0
	lost := func() Outcome { return outcome(s, func() { <-reads }) }
	out := lost()
	if out.Err == nil || !strings.Contains(out.Err.Error(), file+" was not read within 45s") || len(s.now.Services) != 1 {
		t.Errorf("a load that does not come back: %+v, %d services", out, len(s.now.Services))
	}
	for range maxStuck - 1 {
		lost()
	}
	if out := outcome(s, func() {}); out.Err == nil || !strings.Contains(out.Err.Error(), "4 loads before it still wait") {
		t.Errorf("one load too many: %+v", out)
	}

	close(dead)
	for s.attempts.Stuck() > 0 {
		s.turn()
	}
	if len(s.now.Services) != 1 {
		t.Error("a load that was given up has removed a service")
	}
	s.load, s.attempts.Limit = plan.Load, loadTime
	writeConf(t, file, manyOf(2, "given", "stream unix nowait - internal echo"))
	if out := reloaded(t, s); len(out.Added) != 1 || out.Kept != 1 {
		t.Errorf("the load after it: %+v", out)
	}
}

// TestReloadDuringLoadGivenUp: a reload that is asked for during a load that does not
// come back is answered by the next load.
func TestReloadDuringLoadGivenUp(t *testing.T) {
	s := servingText(t, manyOf(1, "asked", "stream unix nowait - internal echo"))
	dead, checked, answered := make(chan struct{}), make(chan struct{}), false
	defer close(dead)
	s.load = func(*plan.Config, *plan.Host) *plan.Plan {
		<-dead
		return &plan.Plan{}
	}
	s.attempts.Limit = 0
	out := outcome(s, func() {
		s.load = func(c *plan.Config, h *plan.Host) *plan.Plan {
			<-checked
			return plan.Load(c, h)
		}
		s.attempts.Limit = loadTime
		s.reload(func(out Outcome) { answered = out.Err == nil })
	})
	if out.Err == nil || !s.loading {
		t.Errorf("%+v; loading: %v", out, s.loading)
	}
	close(checked)
	for s.loading {
		s.turn()
	}
	if !answered {
		t.Error("nobody has answered")
	}
}

// TestLateGivenUp: what is missing is tried again even after an attempt that did not come
// back.
func TestLateGivenUp(t *testing.T) {
	if !apart(t) {
		return
	}
	dir := t.TempDir()
	file, program := filepath.Join(dir, "inetd.conf"), filepath.Join(dir, "late")
	writeConf(t, file, manyOf(1, "late", "stream unix nowait - "+program))
	s := serving(t, file)
	dead := make(chan struct{})
	s.attempts.Limit = 0
	s.load = func(_ *plan.Config, host *plan.Host) *plan.Plan {
		<-dead
		return plan.Load(&s.cfg.Config, host)
	}
	late := s.now.Late
	s.tryLate(late, s.now.Hosts)
	for s.attempts.Stuck() == 0 {
		s.turn()
	}
	if s.now.Late == nil {
		t.Fatal("what is missing is not tried again")
	}
	if s.watcher == nil {
		t.Error("the files are not watched any more")
	}
	s.load, s.attempts.Limit = plan.Load, loadTime
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	close(dead) // the old attempt goes on beside the new one
	s.latecomers.at = time.Now()
	for s.now.Late != nil {
		s.turn()
	}
}

// outcome asks for a reload, calls meanwhile, and turns the loop until the reload is
// answered.
func outcome(s *Server, meanwhile func()) (out Outcome) {
	done := false
	s.reload(func(o Outcome) {
		out = o
		s.mail.Post(func() { done = true }) // a timer that answers does not end the turn
	})
	meanwhile()
	for !done {
		s.turn()
	}
	return out
}

// TestLateWithoutRoom: while no load can run, or too many wait for name servers, what is
// missing is tried again after a while and not at once.
func TestLateWithoutRoom(t *testing.T) {
	s := servingText(t, manyOf(1, "late", "stream unix nowait - /nonexistent/program"))
	late := s.now.Late
	for what, room := range map[string]*int{"loads": &s.attempts.Max, "waits": &s.awaits.Max} {
		was := *room
		*room, late.Asking, s.latecomers.at = 0, true, time.Time{}
		s.awaitLate(0)
		for s.latecomers.at.IsZero() {
			s.turn()
		}
		if n := s.awaits.Len(); n != 0 || s.loading {
			t.Errorf("no room for %s: %d waits, loading %v", what, n, s.loading)
		}
		*room = was
	}
}
