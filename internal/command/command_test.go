package command

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/child"
	"inetd/internal/getent"

	"golang.org/x/sys/unix"
)

// newRunner returns a Runner with a loop that runs the posts and reaps the processes.
func newRunner(t *testing.T) *Runner {
	t.Helper()
	starter, err := child.New()
	if err != nil {
		t.Fatal(err)
	}
	posts, running := make(chan func()), map[int]func(child.Status){}
	ends, over := make(chan bool, 100), make(chan bool)
	go func() {
		defer close(over)
		for {
			select {
			case f, ok := <-posts:
				if !ok {
					return
				}
				f()
			case <-ends:
			}
			starter.Settle(time.Second)
			for st, ok := starter.Reap(); ok; st, ok = starter.Reap() {
				if ended := running[st.Pid]; ended != nil {
					delete(running, st.Pid)
					ended(st)
				}
			}
		}
	}()
	t.Cleanup(func() {
		for left := 1; left > 0; { // programs that were given up end, too
			posts <- func() { left = len(running) }
			posts <- func() {} // the post before has run
		}
		close(posts)
		<-over
		starter.Close()
	})
	return &Runner{
		Starter: starter, Post: func(f func()) { posts <- f },
		Track: func(pid int, ended func(child.Status)) {
			running[pid] = ended
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				ends <- true
				return
			}
			go func() {
				unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
				unix.Close(fd)
				ends <- true
			}()
		},
	}
}

// TestRunner is one test for all methods, since only one place in a process may wait for
// children.
func TestRunner(t *testing.T) {
	r := newRunner(t)

	line, found, err := r.FirstLine("/bin/sh", "sh", "-c", "echo one; echo two")
	if line != "one" || !found || err != nil {
		t.Errorf("first line %q, found %v, %v", line, found, err)
	}
	if _, found, err := r.FirstLine("/bin/sh", "sh", "-c", "exit 2"); found || err != nil {
		t.Errorf("exit status 2: found %v, %v", found, err)
	}
	if _, _, err := r.FirstLine("/nowhere/getent", "getent"); err == nil || !strings.Contains(err.Error(), "/nowhere/getent") {
		t.Errorf("a program that is not there: %v", err)
	}

	if os.Getenv("INETD_ATTACK") != "" { // takes as long as getent may
		for _, cmd := range []string{"exec sleep 1000", "exec <&- >&- 2>&-; exec sleep 1000"} {
			if _, _, err := r.FirstLine("/bin/sh", "sh", "-c", cmd); !errors.Is(err, getent.ErrSlow) {
				t.Errorf("%s: %v", cmd, err)
			}
		}
	}

	ctx := context.Background()
	if err := r.Check(ctx, "exit 0", time.Minute); err != nil {
		t.Error(err)
	}
	if err := r.Check(ctx, "exit 3", time.Minute); err == nil || err.Error() != "exit status 3" {
		t.Errorf("exit status 3: %v", err)
	}
	over, end := context.WithCancel(ctx)
	end()
	if err := r.Check(over, "sleep 1000", time.Minute); err != context.Canceled {
		t.Errorf("it is not wanted any more: %v", err)
	}
	if err := r.Check(ctx, "sleep 1000", time.Nanosecond); err == nil || !strings.Contains(err.Error(), "no answer within") {
		t.Errorf("no answer: %v", err)
	}

	line, st, err := r.Ask(ctx, []string{"/bin/cat"}, []byte("asked\nand more\n"), time.Minute)
	if line != "asked" || st.Wait != 0 || err != nil {
		t.Errorf("the answer is %q, %s, %v", line, child.How(st.Wait), err)
	}
	if _, _, err := r.Ask(ctx, []string{"/usr/bin/yes"}, nil, 0); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("no time: %v", err)
	}
	given, giveUp := context.WithCancel(ctx)
	giveUp()
	for _, argv := range [][]string{{"/usr/bin/yes"}, {"/bin/sh", "-c", "exec <&- >&-; exec sleep 1000"}} {
		if _, _, err := r.Ask(given, argv, nil, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, given up: %v", argv[0], err)
		}
	}

	spawned := make(chan error, 1)
	r.Post(func() {
		var failure error
		r.Spawn("a\x00b", func(err error) { failure = err }) // on the loop: nobody else looks
		spawned <- failure
	})
	if err := <-spawned; err == nil {
		t.Error("a command that cannot be given to a shell was started")
	}

	known := make(chan bool, 1)
	p, ended := awaited()
	r.Post(func() { r.startShell("exit 0", p) })
	<-ended
	r.Post(func() { known <- p.pid != 0 })
	if <-known {
		t.Error("a process that has ended can still be killed, and its number may be another's")
	}
}
