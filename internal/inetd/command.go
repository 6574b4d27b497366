package inetd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/getent"

	"golang.org/x/sys/unix"
)

// getent returns a function that asks getent(1). Its processes are started and
// reaped by the event loop, so it is not to be called there.
func (s *Server) getent() func(database, key string) (line string, found bool, err error) {
	return getent.New(s.runCommand)
}

// runCommand is a getent.Run that is called beside the loop.
func (s *Server) runCommand(argv ...string) (line string, found bool, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return "", false, os.NewSyscallError("socketpair", err)
	}
	unix.SetNonblock(fds[1], true)
	out := os.NewFile(uintptr(fds[1]), "output")
	defer out.Close()
	done := make(chan child.Status, 1)
	s.mail.Post(func() { s.startCommand(fds[0], argv, done) })
	if line, err = getent.FirstLine(out); err != nil {
		s.mail.Post(func() { s.killCommand(done) })
		return "", false, err
	}
	st := <-done
	if st.Stage != child.Run {
		return "", false, errors.New(st.Error(argv[0]))
	}
	return line, st.Wait.ExitStatus() == 0, nil
}

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
	s.startShell(cmd, done)
	go func() {
		if st := <-done; st.Stage != child.Run {
			s.log.Errorf("%s: spawn: %s", v.label, st.Error(shellPath))
		}
	}()
}

const shellPath = "/bin/sh"

// startShell starts a command that has nothing to read and nowhere to write. done
// gets its end.
func (s *Server) startShell(cmd string, done chan<- child.Status) {
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
	s.mail.Post(func() { s.startShell(cmd, done) })
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
