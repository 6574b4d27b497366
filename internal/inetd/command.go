package inetd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// getent asks getent(1) for one key of a system database: the static daemon
// cannot see LDAP, NIS and the like itself. It is called beside the loop.
type getent func(database, key string) (line string, found bool, err error)

// getentPath is where the C library's program is.
const getentPath = "/usr/bin/getent"

// getentTime bounds one question. After one that takes longer no more are asked
// in the same load: whatever is behind it is down.
const getentTime = 5 * time.Second

var errGetentSlow = errors.New("no answer in time")

// getent returns a getent whose processes the event loop starts and reaps.
func (s *Server) getent() getent {
	var down error
	if _, err := os.Stat(getentPath); err != nil {
		down = fmt.Errorf("%s: %s", getentPath, strerror.Cause(err))
	}
	return func(database, key string) (string, bool, error) {
		if down != nil {
			return "", false, down
		}
		line, found, err := s.run(getentPath, "getent", database, key)
		if errors.Is(err, errGetentSlow) {
			down = err
		}
		return line, found, err
	}
}

// run runs a program and returns the first line of its output; found is false
// if it says by its exit status that there is none.
func (s *Server) run(argv ...string) (line string, found bool, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", false, os.NewSyscallError("socketpair", err)
	}
	unix.SetNonblock(fds[1], true)
	out := os.NewFile(uintptr(fds[1]), "output")
	defer out.Close()
	done := make(chan child.Status, 1)
	s.mail.Post(func() { s.startCommand(fds[0], argv, done) })

	out.SetReadDeadline(time.Now().Add(getentTime))
	text, err := io.ReadAll(io.LimitReader(out, maxAnswer))
	if err != nil {
		s.mail.Post(func() { s.killCommand(done) })
		return "", false, errGetentSlow
	}
	st := <-done
	if st.Stage != child.Run {
		return "", false, errors.New(st.Error(argv[0]))
	}
	line, _, _ = strings.Cut(string(text), "\n")
	return line, st.Wait.ExitStatus() == 0, nil
}

// maxAnswer bounds what is read of a program: a group may have many members.
const maxAnswer = 4 << 20

// startCommand starts a program of the daemon's own with fd as its descriptors.
func (s *Server) startCommand(fd int, argv []string, done chan<- child.Status) {
	p, err := s.starter.Profile(os.Environ(), nil, child.Setup{})
	var g *child.Program
	if err == nil {
		g, err = p.Program(argv[0], argv[1:])
	}
	if err != nil {
		unix.Close(fd)
		done <- child.Status{Stage: child.Exec, Errno: unix.EINVAL}
		return
	}
	pid, err := s.starter.Start(g, fd, child.NoStderr, nil)
	if err != nil {
		unix.Close(fd)
		done <- child.Status{Stage: child.Exec, Errno: unix.EAGAIN}
		return
	}
	s.track(pid, process{done: done}, true)
}

// killCommand ends a command that takes too long, with all that it has started: it
// leads a session of its own.
func (s *Server) killCommand(done chan<- child.Status) {
	for pid, p := range s.processes {
		if p.done == done && pid > 0 {
			unix.Kill(-pid, unix.SIGKILL)
		}
	}
}

// spawn starts a command beside a server.
func (s *Server) spawn(v *service, cmd string) {
	done := make(chan child.Status, 1)
	s.shell(cmd, done)
	go func() {
		if st := <-done; st.Stage != child.Run {
			s.log.Errorf("%s: spawn: %s", v.label, st.Error(shellPath))
		}
	}()
}

const shellPath = "/bin/sh"

// shell starts a command that has nothing to read and nowhere to write. done
// gets its end.
func (s *Server) shell(cmd string, done chan<- child.Status) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		done <- child.Status{Stage: child.Null, Errno: err.(unix.Errno)}
		return
	}
	s.startCommand(null, []string{shellPath, "sh", "-c", cmd}, done)
}

// aclTime bounds the wait for a command that decides about a client.
const aclTime = 10 * time.Second

// runShell runs a shell command and returns an error unless it exits with 0. It
// is called beside the loop.
func (s *Server) runShell(ctx context.Context, cmd string) error {
	ctx, cancel := context.WithTimeout(ctx, s.aclTime)
	defer cancel()
	done := make(chan child.Status, 1)
	s.mail.Post(func() { s.shell(cmd, done) })
	select {
	case <-ctx.Done():
		s.mail.Post(func() { s.killCommand(done) })
		return fmt.Errorf("no answer within %v", s.aclTime)
	case st := <-done:
		if st.Stage != child.Run {
			return errors.New(st.Error(shellPath))
		}
		if st.Wait != 0 {
			return errors.New(how(st.Wait))
		}
		return nil
	}
}
