package inetd

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/running"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Examinations of programs that could not be executed. A file may lie on a file
// system that does not answer, so they are made beside the loop.
const (
	maxExaminations = 4
	examineTime     = 10 * time.Second
)

// startFailed logs why a server could not be started, with what a look at the
// program says if it is the exec that failed.
func (s *Server) startFailed(p *running.Process, st child.Status) {
	v, path, from := p.Service, p.Program.Path(), p.Client.From()
	text := st.Error(path)
	if st.Stage == child.Stderr {
		text = "stderr " + v.Do.Keys.Stderr + ": " + strerror.Errno(st.Errno)
	}
	v.Usage().Fail(st.Stage.String(), strerror.Errno(st.Errno), text, time.Now())
	tell := func(why string) { s.tellFailure(v, text+why, from) }
	if st.Stage != child.Exec && st.Stage != child.Stderr || s.examinations.full() {
		tell(s.ungiven(v, st.Stage))
		return
	}
	why, who := "", p.Program.Credential()
	s.beside(&s.examinations, examineTime, func(context.Context) {
		if st.Stage == child.Stderr {
			why = whyNoStderr(v.Do.Keys, who)
			return
		}
		why = s.findings.Why(path, seenBy(v.Do.Keys, who), st.Errno)
	}, func() { tell(why) })
}

// stageKeys are the keys that ask for the system calls of a stage, but for rlimit_*.
var stageKeys = map[child.Stage][]string{
	child.OOMScore: {"oom_score"}, child.Nice: {"nice"}, child.IOPriority: {"ioprio"}, child.CPUs: {"cpus"},
	child.Root: {"chroot"}, child.Directory: {"directory", "chroot"}, child.Groups: {"groups"},
	child.Capabilities: {"capabilities"}, child.NoNewPrivs: {"no_new_privs"},
}

// ungiven names the key of an entry that a server could not be given, and where that
// stands. Limits fail alike, so that may be any of them.
func (s *Server) ungiven(v *table.Service, stage child.Stage) string {
	keys, k := stageKeys[stage], v.Do.Keys
	if stage == child.Limits {
		for _, name := range conf.RlimitNames {
			keys = append(keys, "rlimit_"+name)
		}
	}
	asked := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !k.Has(key) })
	if len(asked) == 0 {
		return ""
	}
	text := k.Written(asked[0])
	switch {
	case asked[0] == "directory":
		text += " = " + k.Directory
	case asked[0] == "chroot":
		text += " = " + k.Chroot
	case stage == child.Limits:
		text = strings.Join(asked, " or ")
	}
	return ": " + text + " at " + s.log.PlaceOf(v, asked[0]) + " cannot be given"
}

// tellFailure logs why a server could not be started: the first time, and then each
// minute how many more there were. Once a server was started, it is news again.
func (s *Server) tellFailure(v *table.Service, text, from string) {
	about := v.Cause(text)
	if !s.log.First(about, "server", ": "+text+" ("+s.log.Place(v)+")") {
		return
	}
	u := v.Usage()
	u.Failing = append(u.Failing, about)
	s.log.Tell(syslog.Err, v, text, v.Label+from, "")
}

// works notes that a server of a service was started.
func (s *Server) works(u *table.Usage) {
	for _, about := range u.Failing {
		s.log.Forget(about)
	}
	u.Failing = nil
}

// seenBy is the user of a server with some keys, who may have another root directory.
func seenBy(k *conf.Keys, c *child.Credential) examine.User {
	u := examiner(c)
	if k != nil {
		u.Root = k.Chroot
	}
	return u
}

// examiner is the user of a server.
func examiner(c *child.Credential) examine.User {
	if c == nil {
		return examine.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
	}
	return examine.User{UID: c.UID, GID: c.GID, Groups: c.Groups}
}
