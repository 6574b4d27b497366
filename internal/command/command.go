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

	running map[chan<- child.Status]int // process ids; belongs to the loop
}

// FirstLine is a getent.Run: it runs the program at argv[0] with the arguments argv[1:], the
// program's name first, and returns the line it writes. It is called beside the loop.
func (r *Runner) FirstLine(argv ...string) (line string, found bool, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", false, os.NewSyscallError("socketpair", err)
	}
	unix.SetNonblock(fds[1], true)
	out := os.NewFile(uintptr(fds[1]), "output")
	defer out.Close()
	done := make(chan child.Status, 1)
	r.Post(func() { r.start(fds[0], argv, done) })
	if line, err = getent.FirstLine(out); err != nil {
		r.Post(func() { r.kill(done) })
		return "", false, err
	}
	st := <-done
	if st.Stage != child.Run {
		return "", false, errors.New(st.Error(argv[0]))
	}
	return line, st.Wait.ExitStatus() == 0, nil
}

// maxSaid is how many bytes of an answer are read.
const maxSaid = 4096

// Ask runs the program at argv[0], which is also its name, with a text on its standard
// input. It returns the first line that the program writes, and how it ended. A program
// that takes longer than limit for its answer, or again for its end, is killed, and the
// error is os.ErrDeadlineExceeded; the same happens when ctx ends, with the error of ctx.
// Ask is called beside the loop.
func (r *Runner) Ask(ctx context.Context, argv []string, text []byte, limit time.Duration) (line string, st child.Status, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", st, os.NewSyscallError("socketpair", err)
	}
	f, err := stream.Open(fds[1], nil)
	if err != nil {
		unix.Close(fds[0])
		return "", st, err
	}
	defer f.Close()
	f.SetDeadline(time.Now().Add(limit))
	defer context.AfterFunc(ctx, func() { f.SetDeadline(time.Now()) })()
	done := make(chan child.Status, 1)
	r.Post(func() { r.start(fds[0], append([]string{argv[0]}, argv...), done) })
	go func() { // the program may end without reading it, and its answer says why
		f.File.Write(text)
		f.CloseWrite()
	}()
	said, err := io.ReadAll(io.LimitReader(f.File, maxSaid))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		r.Post(func() { r.kill(done) })
		return "", st, cmp.Or(ctx.Err(), err)
	}
	said, _, _ = bytes.Cut(bytes.TrimSpace(said), []byte("\n")) // after a reset, what came before it
	select {
	case st = <-done:
		return string(said), st, nil
	case <-time.After(limit):
		err = os.ErrDeadlineExceeded
	case <-ctx.Done():
		err = ctx.Err()
	}
	r.Post(func() { r.kill(done) })
	return "", st, err
}

// Check runs a shell command, and returns an error unless the command exits with 0 within
// the limit and before ctx ends. It is called beside the loop.
func (r *Runner) Check(ctx context.Context, cmd string, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no answer within %v", limit))
	defer cancel()
	done := make(chan child.Status, 1)
	r.Post(func() { r.startShell(cmd, done) })
	select {
	case <-ctx.Done():
		r.Post(func() { r.kill(done) })
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

// Spawn starts a shell command and does not wait for its end. It is called on the loop. If
// the shell cannot be started, failed is called in a goroutine of its own.
func (r *Runner) Spawn(cmd string, failed func(error)) {
	done := make(chan child.Status, 1)
	r.startShell(cmd, done)
	go func() {
		if st := <-done; st.Stage != child.Run {
			failed(errors.New(st.Error(Shell)))
		}
	}()
}

// startShell starts a shell command whose standard input, output and error are /dev/null.
// Its status is sent to done when it has ended.
func (r *Runner) startShell(cmd string, done chan<- child.Status) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		done <- child.Status{Stage: child.Null, Errno: err.(unix.Errno)}
		return
	}
	r.start(null, []string{Shell, "sh", "-c", cmd}, done)
}

// start starts a program with fd, which it takes over, as standard input, output and error.
func (r *Runner) start(fd int, argv []string, done chan<- child.Status) {
	p, err := r.Starter.Profile(os.Environ(), nil, child.Setup{})
	var g *child.Program
	if err == nil {
		g, err = p.Program(argv[0], argv[1:])
	}
	if err != nil {
		unix.Close(fd)
		done <- child.Status{Stage: child.Exec, Errno: unix.EINVAL}
		return
	}
	pid, err := r.Starter.Start(g, fd, child.NoStderr, nil)
	if err != nil {
		unix.Close(fd)
		done <- child.Status{Stage: child.Exec, Errno: unix.EAGAIN}
		return
	}
	if r.running == nil {
		r.running = map[chan<- child.Status]int{}
	}
	r.running[done] = pid
	r.Track(pid, func(st child.Status) {
		delete(r.running, done)
		done <- st
	})
}

// kill kills a program that takes too long, with all processes of its group.
func (r *Runner) kill(done chan<- child.Status) {
	child.SignalGroup(r.running[done], unix.SIGKILL) // a process id of 0 means it has ended, and nothing is killed
}
