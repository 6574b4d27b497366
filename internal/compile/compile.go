// Package compile turns what a plan says of servers into programs that package child can
// start. In go actions, identities and the keys of entries; out come profiles, which
// many services share, and a program for each action. It starts nothing, and opens only
// what child.Starter.Profile opens.
package compile

import (
	"fmt"
	"os"
	"slices"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/environ"
	"inetd/internal/plan"
	"inetd/internal/pty"
)

// Profiles makes the profiles of servers: as whom they run, with which environment and
// bounds. Servers for which these are equal share a profile. keys has the keys of entries
// by plan.Server.Keys, and env is what every server gets of the daemon's environment.
func Profiles(identities map[plan.Server]*plan.Identity, keys map[string]*conf.Keys, starter *child.Starter, env []string) (map[plan.Server]*child.Profile, error) {
	made := make(map[plan.Server]*child.Profile, len(identities))
	alike := map[string]*child.Profile{}
	for s, id := range identities {
		k := keys[s.Keys]
		cred, setup := Credential(id), Setup(k)
		text := fmt.Sprintf("%+v %+v", cred, setup)
		if hasEnvironment(k) {
			text += fmt.Sprintf(" %q", Environment(k, env))
		}
		if alike[text] == nil {
			p, err := starter.Profile(Environment(k, env), cred, setup)
			if err != nil {
				return nil, err
			}
			alike[text] = p
		}
		made[s] = alike[text]
	}
	return made, nil
}

// Program returns the server program of an action with the arguments argv. k are the keys
// of its entry; nil: none.
func Program(profile *child.Profile, do *plan.Action, k *conf.Keys, argv []string) (*child.Program, error) {
	if k == nil || !k.PTY {
		return profile.Program(do.Path, argv)
	}
	path, args := pty.Command(do.Path, argv)
	g, err := profile.Program(path, args)
	if err == nil {
		g.Server = do.Path
	}
	return g, err
}

// Credential returns an identity as package child takes it; nil is the daemon's own.
func Credential(id *plan.Identity) *child.Credential {
	if id == nil {
		return nil
	}
	return &child.Credential{UID: id.UID, GID: id.GID, Groups: id.Groups}
}

// Setup returns what the keys of an entry give its servers. k may be nil.
func Setup(k *conf.Keys) (u child.Setup) {
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

// ioPriority returns a priority as ioprio_set(2) takes it; 0 is none.
func ioPriority(p conf.IOPriority) int {
	class := slices.Index([]string{"", "realtime", "best-effort", "idle"}, p.Class)
	if class == 3 {
		p.Level = 0 // the class idle has no levels
	}
	return class<<13 | p.Level
}

// stderrFile returns the file that the key stderr asks for; "": none.
func stderrFile(key string) string {
	switch key {
	case "socket", "log":
		return ""
	case "null":
		return os.DevNull
	}
	return key
}

// Environment returns the environment of an entry's servers: the variables of the daemon
// that the key pass_env names, or else env, and the variables of the key env.
func Environment(k *conf.Keys, env []string) []string {
	if !hasEnvironment(k) {
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

// hasEnvironment reports whether the servers of an entry have an environment of their own.
func hasEnvironment(k *conf.Keys) bool { return k.Has("env") || k.Has("pass_env") }

// defaultEndTime is how long a server may take to end after SIGTERM.
const defaultEndTime = 5 * time.Second

// EndTime returns how long a server may take to end after SIGTERM (key end_time).
func EndTime(k *conf.Keys) time.Duration {
	if k != nil && k.Has("end_time") {
		return k.EndTime
	}
	return defaultEndTime
}
