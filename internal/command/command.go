// Package command runs programs for the daemon itself: getent, the commands of access
// rules, and the program of an upgrade, which has to prove itself. In go a path and
// arguments; out come what the program writes and how it ended.
//
// The daemon's event loop starts and reaps all processes, also those of a Runner. Each
// method says whether it is to be called on the loop or beside it, in another goroutine.
package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/getent"
	"inetd/internal/stream"

	"golang.org/x/sys/unix"
)

// Shell is the path of the shell.
const Shell = "/bin/sh"

// Runner runs programs. All its exported fields must be set before the first one runs.
type Runner struct {
	Starter *child.Starter
	Post    func(func())                               // has the loop call a function
	Track   func(pid int, ended func(st child.Status)) // calls ended when a process has ended; both on the loop
}

// program is one that runs, or did.
type program struct {
	ended func(child.Status) // is called on the loop
	pid   int                // 0: it has not started, or has ended; belongs to the loop
}

// awaited returns a program whose status is sent to done.
func awaited() (p *program, done <-chan child.Status) {
	ended := make(chan child.Status, 1)
	return &program{ended: func(st child.Status) { ended <- st }}, ended
}

// FirstLine is a getent.Run: it runs the program at argv[0] with the arguments argv[1:], the
// program's name first, and returns the line it writes. It is called beside the loop.
func (r *Runner) FirstLine(argv ...string) (line string, found bool, err error) {
	said, st, err := r.ask(context.Background(), argv, nil, getent.Patience, getent.MaxAnswer)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", false, getent.ErrSlow
	case err != nil:
		return "", false, err
	case st.Stage != child.Run:
		return "", false, errors.New(st.Error(argv[0]))
	}
	return getent.Line(said), st.Wait.ExitStatus() == 0, nil
}

// maxSaid is how many bytes of an answer are read.
const maxSaid = 4096

// Ask runs the program at argv[0], which is also its name, with a text on its standard
// input. It returns the first line that the program writes, and how it ended. A program
// that takes longer than limit for its answer, or again for its end, is killed, and the
// error is os.ErrDeadlineExceeded; the same happens when ctx ends, with the error of ctx.
// Ask is called beside the loop.
func (r *Runner) Ask(ctx context.Context, argv []string, text []byte, limit time.Duration) (line string, st child.Status, err error) {
	said, st, err := r.ask(ctx, append([]string{argv[0]}, argv...), text, limit, maxSaid)
	return getent.Line(bytes.TrimSpace(said)), st, err
}

// ask is Ask for a program with any name, and returns up to most bytes of what it writes. If
// text is nil, the program's standard input has neither text nor end.
func (r *Runner) ask(ctx context.Context, argv []string, text []byte, limit time.Duration, most int64) (said []byte, st child.Status, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, st, os.NewSyscallError("socketpair", err)
	}
	f, err := stream.Open(fds[1], nil)
	if err != nil {
		unix.Close(fds[0])
		return nil, st, err
	}
	defer f.Close()
	f.SetDeadline(time.Now().Add(limit))
	defer context.AfterFunc(ctx, func() { f.SetDeadline(time.Now()) })()
	p, done := awaited()
	r.Post(func() { r.start(fds[0], argv, p) })
	if text != nil {
		go func() { // the program may end without reading it, and its answer says why
			f.File.Write(text)
			f.CloseWrite()
		}()
	}
	said, err = io.ReadAll(io.LimitReader(f.File, most)) // after a reset, what came before it
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.Post(p.kill)
		return nil, st, cmp.Or(ctx.Err(), err)
	}
	select {
	case st = <-done:
		return said, st, nil
	case <-time.After(limit):
		err = os.ErrDeadlineExceeded
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.Post(p.kill)
	return nil, st, err
}

// Check runs a shell command, and returns an error unless the command exits with 0 within
// the limit and before ctx ends. It is called beside the loop.
func (r *Runner) Check(ctx context.Context, cmd string, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	p, done := awaited()
	r.Post(func() { r.startShell(cmd, p) })
	select {
	case <-ctx.Done():
		r.Post(p.kill)
		return context.Cause(ctx)
	case st := <-done:
		if st.Stage != child.Run {
			return errors.New(st.Error(Shell))
		}
		if st.Wait != 0 {
			return errors.New(child.How(st.Wait))
		}
		return nil
	}
}

// Spawn starts a shell command and does not wait for its end. It is called on the loop, and
// so is failed if the shell cannot be started.
func (r *Runner) Spawn(cmd string, failed func(error)) {
	r.startShell(cmd, &program{ended: func(st child.Status) {
		if st.Stage != child.Run {
			failed(errors.New(st.Error(Shell)))
		}
	}})
}

// startShell starts a shell command whose standard input, output and error are /dev/null.
func (r *Runner) startShell(cmd string, p *program) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		p.ended(child.Status{Stage: child.Null, Errno: err.(unix.Errno)})
		return
	}
	r.start(null, []string{Shell, "sh", "-c", cmd}, p)
}

// start starts a program with fd, which it takes over, as standard input, output and error.
func (r *Runner) start(fd int, argv []string, p *program) {
	profile, err := r.Starter.Profile(os.Environ(), nil, child.Setup{})
	var g *child.Program
	if err == nil {
		g, err = profile.Program(argv[0], argv[1:])
	}
	if err != nil {
		unix.Close(fd)
		p.ended(child.Status{Stage: child.Exec, Errno: unix.EINVAL})
		return
	}
	pid, err := r.Starter.Start(g, fd, child.NoStderr, nil)
	if err != nil {
		unix.Close(fd)
		p.ended(child.Status{Stage: child.Exec, Errno: unix.EAGAIN})
		return
	}
	p.pid = pid
	r.Track(pid, func(st child.Status) {
		p.pid = 0
		p.ended(st)
	})
}

// kill kills a program that takes too long, with all processes of its group.
func (p *program) kill() { child.SignalGroup(p.pid, unix.SIGKILL) } // 0: nothing is killed
