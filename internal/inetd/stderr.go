package inetd

import (
	"os"
	"strings"

	"inetd/internal/child"
	"inetd/internal/running"
	"inetd/internal/stderrlog"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// stderrPipe is the standard error of a server, as long as that is being started: its
// end that is read for the log, and the server's.
type stderrPipe struct{ read, write int }

// noStderr is the pipe of a server that has none: its standard error is elsewhere.
var noStderr = stderrPipe{-1, child.NoStderr}

// stderrOf opens what a server of a service has as its standard error if that goes to
// the log.
func (s *Server) stderrOf(v *table.Service) (stderrPipe, error) {
	if v.Do.Keys == nil || v.Do.Keys.Stderr != "log" {
		return noStderr, nil
	}
	if err := s.hearAny(); err != nil {
		return noStderr, err
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return noStderr, os.NewSyscallError("pipe2", err)
	}
	return stderrPipe{s.starter.Keep(fds[0]), fds[1]}, nil
}

// hearAny makes what reads standard error for the log, when a server is the first to
// need it.
func (s *Server) hearAny() (err error) {
	if s.errors == nil {
		s.errors, err = stderrlog.New(func(line string) { s.log.Log(syslog.Notice, line) })
	}
	return err
}

// unused closes a pipe whose server could not be started.
func (p stderrPipe) unused() {
	if p != noStderr {
		unix.Close(p.read)
		unix.Close(p.write)
	}
}

// hear logs what a server that has just started writes on its standard error.
func (s *Server) hear(e stderrPipe, pid int, p *running.Process) {
	if e == noStderr {
		return
	}
	var err error
	if p.Stderr, err = s.errors.Add(e.read, p.Service.Label, pid, strings.TrimPrefix(p.Client.From(), " from ")); err != nil {
		s.log.Tell(syslog.Err, p.Service, p.Service.Label+": its standard error cannot be logged: "+err.Error(), "", "")
		unix.Close(e.read)
	}
}

// hearOn goes on with what the program before has read of a server; 0: nothing.
func (s *Server) hearOn(fd, pid int, p *running.Process) {
	if fd == 0 {
		return
	}
	if err := s.hearAny(); err != nil {
		s.log.Tell(syslog.Err, p.Service, p.Service.Label+": its standard error cannot be logged: "+err.Error(), "", "")
		return // not closed: that would kill the server at its next word
	}
	s.starter.Note(fd)
	s.hear(stderrPipe{fd, child.NoStderr}, pid, p)
}
