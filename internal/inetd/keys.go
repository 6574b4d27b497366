package inetd

import (
	"fmt"
	"os"
	"slices"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/environ"
	"inetd/internal/plan"

	"golang.org/x/sys/unix"
)

// setupOf is what the keys of an entry give its servers.
func setupOf(k *conf.Keys) (u child.Setup) {
	if k == nil {
		return u
	}
	u = child.Setup{
		Nice: k.Nice, IOPriority: ioPriority(k.IOPriority), CPUs: k.CPUs, HasUmask: k.Has("umask"), Umask: k.Umask,
		Root: k.Chroot, Directory: k.Directory, NoNewPrivs: k.NoNewPrivs, Capabilities: k.Capabilities,
		HasOOMScore: k.Has("oom_score"), OOMScore: k.OOMScore, Stderr: stderrFile(k.Stderr),
	}
	for i, r := range k.Rlimits {
		if r.Set {
			u.Limits = append(u.Limits, child.Limit{Resource: plan.Resources[i], Soft: r.Soft, Hard: r.Hard})
		}
	}
	return u
}

// ioPriority is a priority as ioprio_set(2) takes it; 0 is none.
func ioPriority(p conf.IOPriority) int {
	class := slices.Index([]string{"", "realtime", "best-effort", "idle"}, p.Class)
	if class == 3 {
		p.Level = 0 // an idle process has none
	}
	return class<<13 | p.Level
}

// environmentOf is the environment of the servers of an entry: of the daemon's
// the variables that pass_env names, or else what all servers get, and those of env.
func environmentOf(k *conf.Keys, env []string) []string {
	if k == nil || !k.Has("env") && !k.Has("pass_env") {
		return env
	}
	switch {
	case slices.Equal(k.PassEnv, []string{"*"}):
		env = environ.Common(os.Environ(), true)
	case k.Has("pass_env"):
		env = environ.Named(os.Environ(), k.PassEnv)
	}
	return environ.With(env, k.Env)
}

// defaultEndTime is how long a server that is asked to end may take.
const defaultEndTime = 5 * time.Second

func endTimeOf(k *conf.Keys) time.Duration {
	if k != nil && k.Has("end_time") {
		return k.EndTime
	}
	return defaultEndTime
}

// limitTime ends a server that has just started once its time is over, if it has
// a limit.
func (s *Server) limitTime(pid int, p *process) {
	k := p.svc.do.keys
	if k == nil || k.MaxTime == 0 || pid <= 0 {
		return
	}
	begun := p.begun
	running := func() bool { now := s.processes[pid]; return now == p && now.begun == begun }
	s.timers.After(time.Until(time.Unix(0, begun).Add(k.MaxTime)), func() {
		if running() {
			s.endServer(pid, p, fmt.Sprintf("run for %v, its max_time,", k.MaxTime), "max_time")
		}
	})
}

// endServer tells a server to end because it has been or done something for too long,
// and kills it some time later.
func (s *Server) endServer(pid int, p *process, what, key string) {
	if p.kill != 0 {
		return
	}
	at := time.Now().Add(endTimeOf(p.svc.do.keys))
	p.kill = at.UnixNano()
	unix.Kill(-pid, unix.SIGTERM) // the server leads a session of its own
	s.log.Noticef("%s: %s[%d]%s has %s and is ended (%s)", p.svc.label, p.program.Path(), pid, p.client.from(), what, s.placeOf(p.svc, key))
	s.killAt(pid, p, at)
}

// killAt kills a server that was told to end and has not by then.
func (s *Server) killAt(pid int, p *process, at time.Time) {
	begun := p.begun
	s.timers.After(time.Until(at), func() {
		if now := s.processes[pid]; now == p && now.begun == begun {
			s.log.Warningf("%s: %s[%d] has not ended within %v and is killed (%s)", p.svc.label, p.program.Path(), pid, endTimeOf(p.svc.do.keys), s.now.place(p.svc))
			unix.Kill(-pid, unix.SIGKILL)
		}
	})
}
