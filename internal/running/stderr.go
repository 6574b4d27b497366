package running

import (
	"os"
	"strings"

	"inetd/internal/child"
	"inetd/internal/logbook"
	"inetd/internal/stderrlog"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Pipe is the pipe for the standard error of a server that is being started: the end that
// is read for the log, and the server's.
type Pipe struct{ read, write int }

// Write is the server's end, for child.Starter, which closes it when it starts the server.
func (p Pipe) Write() int { return p.write }

// Stderrs logs what servers write on their standard error, if their entry says so (key
// stderr). It belongs to the goroutine of the event loop.
type Stderrs struct {
	starter *child.Starter
	log     *logbook.Book
	reader  *stderrlog.Reader // nil: no server has needed it
}

// NewStderrs makes Stderrs. Nothing is open yet.
func NewStderrs(starter *child.Starter, log *logbook.Book) *Stderrs {
	return &Stderrs{starter: starter, log: log}
}

// Close stops reading.
func (s *Stderrs) Close() {
	if s.reader != nil {
		s.reader.Close()
	}
}

// NoPipe stands for no pipe: the standard error of the server goes elsewhere.
func NoPipe() Pipe { return Pipe{-1, child.NoStderr} }

// Open opens a pipe for a server of a service, or returns NoPipe if its standard error does
// not go to the log.
func (s *Stderrs) Open(v *table.Service) (Pipe, error) {
	if v.Do.Keys == nil || v.Do.Keys.Stderr != "log" {
		return NoPipe(), nil
	}
	if err := s.read(); err != nil {
		return NoPipe(), err
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return NoPipe(), os.NewSyscallError("pipe2", err)
	}
	return Pipe{s.starter.Keep(fds[0]), fds[1]}, nil
}

// read makes the reader of standard error when the first server needs it.
func (s *Stderrs) read() (err error) {
	if s.reader == nil {
		s.reader, err = stderrlog.New(func(line string) { s.log.Log(syslog.Notice, line) })
	}
	return err
}

// Unused closes a pipe whose server could not be started.
func (p Pipe) Unused() {
	if p != NoPipe() {
		unix.Close(p.read)
		unix.Close(p.write)
	}
}

// Hear begins to log what a server that has just started writes on its standard error. It
// takes over the read end of the pipe.
func (s *Stderrs) Hear(e Pipe, p *Process) {
	if e == NoPipe() {
		return
	}
	var err error
	if p.Stderr, err = s.reader.Add(e.read, p.Service.Label, p.PID, strings.TrimPrefix(p.Client.From(), " from ")); err != nil {
		s.log.Tell(syslog.Err, p.Service, p.Service.Label+": its standard error cannot be logged: "+strerror.Call(err), "", "")
		unix.Close(e.read)
	}
}

// HearOn goes on logging the standard error of a server that the previous program has
// started; fd is the end that is read, or 0 if it is not logged.
func (s *Stderrs) HearOn(fd int, p *Process) {
	if fd == 0 {
		return
	}
	if err := s.read(); err != nil {
		s.log.Tell(syslog.Err, p.Service, p.Service.Label+": its standard error cannot be logged: "+strerror.Call(err), "", "")
		return // fd stays open: to close it would kill the server at its next word
	}
	s.starter.Note(fd)
	s.Hear(Pipe{fd, child.NoStderr}, p)
}
