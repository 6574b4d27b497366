package diagnose

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// NotStarted logs why a server could not be started. If it is exec that failed, the
// program is examined first.
func (d *Doctor) NotStarted(v *table.Service, g *child.Program, from string, st child.Status) {
	path, who := g.Path(), g.Credential()
	text := st.Error(path)
	if st.Stage == child.Stderr {
		text = "stderr " + v.Do.Keys.Stderr + ": " + strerror.Errno(st.Errno)
	}
	v.Usage().Fail(st.Stage.String(), strerror.Errno(st.Errno), text, time.Now())
	tell := func(why string) func() { return func() { d.tellFailure(v, text+why, from) } }
	if st.Stage != child.Exec && st.Stage != child.Stderr {
		tell(d.ungiven(v, st.Stage))()
		return
	}
	d.beside.Do(func() func() {
		if st.Stage == child.Stderr {
			return tell(whyNoStderr(v.Do.Keys, who))
		}
		return tell(d.findings.Why(path, seenBy(v.Do.Keys, who), st.Errno))
	}, tell(""))
}

// Replacement says why this process could not execute a program in its own place. If it
// is exec that failed, the program is examined, which may wait for a file system.
func Replacement(path string, st child.Status) error {
	text := st.Error(path)
	if st.Stage == child.Exec {
		groups, _ := unix.Getgroups()
		u := examine.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Daemon: true}
		for _, g := range groups {
			u.Groups = append(u.Groups, uint32(g))
		}
		text += examine.Why(path, u, st.Errno)
	}
	return errors.New(text)
}

// stageKeys are the keys that ask for the system calls of a stage, except rlimit_*.
var stageKeys = map[child.Stage][]string{
	child.OOMScore: {"oom_score"}, child.Nice: {"nice"}, child.IOPriority: {"ioprio"}, child.CPUs: {"cpus"},
	child.Root: {"chroot"}, child.Directory: {"directory", "chroot"}, child.Groups: {"groups"},
	child.Capabilities: {"capabilities"}, child.NoNewPrivs: {"no_new_privs"},
}

// ungiven names the key whose system call was refused, and where the key stands. All
// limits are set in one stage, so any of their keys may be the one.
func (d *Doctor) ungiven(v *table.Service, stage child.Stage) string {
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
	text := asked[0]
	switch {
	case asked[0] == "directory":
		text += " = " + k.Directory
	case asked[0] == "chroot":
		text += " = " + k.Chroot
	case stage == child.Limits:
		text = strings.Join(asked, " or ")
	}
	return ": " + text + " at " + d.log.PlaceOf(v, asked[0]) + " cannot be given"
}

// tellFailure logs why a server could not be started: the first time, and then each
// minute how many more could not. After a start that succeeds, the next failure is news.
func (d *Doctor) tellFailure(v *table.Service, text, from string) {
	about := v.Cause(text)
	if !d.log.First(about, "server", ": "+text+" ("+d.log.Place(v)+")") {
		return
	}
	u := v.Usage()
	u.Failing = append(u.Failing, about)
	d.log.Tell(syslog.Err, v, text, v.Label+from, "")
}

// whyNoStderr says what keeps a server from opening its standard error, after a colon; ""
// if nothing does.
func whyNoStderr(k *conf.Keys, who *child.Credential) string {
	if f := examine.Append(filepath.Join(k.Chroot, k.Stderr), examiner(who)); f != (examine.Finding{}) {
		return ": " + f.String()
	}
	return ""
}
