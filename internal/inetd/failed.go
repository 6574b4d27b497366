package inetd

import (
	"context"
	"os"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/examine"
	"inetd/internal/strerror"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// Examinations of programs that could not be executed. A file may lie on a file
// system that does not answer, so they are made beside the loop.
const (
	maxExaminations = 4
	examineTime     = 10 * time.Second
	maxFindings     = 256
)

// failure is a start that failed, as it is examined once.
type failure struct {
	path    string
	who     *child.Credential // as the profile of the service has it
	errno   syscall.Errno
	version [2]unix.Timespec // of the file
	inode   uint64
}

// startFailed logs why a server could not be started, with what a look at the
// program says if it is the exec that failed.
func (s *Server) startFailed(p *process, st child.Status) {
	v, path, from := p.svc, p.program.Path(), p.client.from()
	text := st.Error(path)
	if st.Stage == child.Stderr {
		text = "stderr " + v.do.keys.Stderr + ": " + strerror.Errno(st.Errno)
	}
	v.usage().Fail(st.Stage.String(), strerror.Errno(st.Errno), text, time.Now())
	tell := func(why string) { s.tellFailure(v, text+why, from) }
	if st.Stage != child.Exec && st.Stage != child.Stderr || s.examinations.full() {
		tell("")
		return
	}
	why, who := "", p.program.Credential()
	s.beside(&s.examinations, examineTime, func(context.Context) {
		if st.Stage == child.Stderr {
			why = whyNoStderr(v.do.keys, who)
			return
		}
		why = s.examine(path, who, st.Errno)
	}, func() { tell(why) })
}

// tellFailure logs why a server could not be started: the first time, and then each
// minute how many more there were. Once a server was started, it is news again.
func (s *Server) tellFailure(v *service, text, from string) {
	about := cause{v.label, text}
	if !s.seldom.Tell(about) {
		return
	}
	u := v.usage()
	u.failing = append(u.failing, about)
	s.tell(syslog.Err, v, text, v.label+from, "")
	s.tellMore(about, "server", ": "+text+" ("+s.now.place(v)+")")
}

// works notes that a server of a service was started.
func (s *Server) works(u *usage) {
	for _, about := range u.failing {
		s.seldom.Forget(about)
	}
	u.failing = nil
}

// examine says what keeps a program from being executed, after a colon, or
// nothing. Several goroutines may call it.
func (s *Server) examine(path string, who *child.Credential, e syscall.Errno) string {
	f := failure{path: path, who: who, errno: e}
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil {
		f.version, f.inode = [2]unix.Timespec{st.Mtim, st.Ctim}, st.Ino
	}
	if why, ok := s.findings.Load(f); ok {
		return why.(string)
	}
	why := wording(path, e, examine.Failed(path, examiner(who), e))
	if s.known.Add(1) > maxFindings {
		s.findings.Clear()
		s.known.Store(1)
	}
	s.findings.Store(f, why)
	return why
}

// examiner is the user of a server.
func examiner(c *child.Credential) examine.User {
	if c == nil {
		return examine.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	}
	return examine.User{UID: c.UID, GID: c.GID, Groups: c.Groups}
}

// wording is what a finding adds to the text of an errno.
func wording(path string, e syscall.Errno, f examine.Finding) string {
	switch same := "server " + path + ": " + strerror.Errno(e); {
	case f.Cause == same && f.Advice == "", f.Cause == "":
		return ""
	case f.Cause == same:
		return "; " + f.Advice
	}
	return ": " + f.String()
}
