package plan

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/examine"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// longKeys is the length in bytes above which a text of keys is replaced by its digest.
// Lists of networks may have megabytes.
const longKeys = 1 << 10

// keysText returns the keys of an entry as text, or a digest of it: equal texts mean
// equal keys. Successive entries that share their keys share the text.
func (l *loader) keysText(k *conf.Keys) string {
	if k == nil {
		return ""
	}
	if l.lastKeys.keys != k {
		l.lastKeys.keys, l.lastKeys.text = k, textOf(k)
	}
	return l.lastKeys.text
}

func textOf(k *conf.Keys) string {
	text := k.String()
	if len(text) > longKeys {
		sum := sha256.Sum256([]byte(text))
		text = string(sum[:])
	}
	return text
}

// placeless returns keys without the value of connect, in which alone many entries differ.
func placeless(k *conf.Keys) *conf.Keys {
	if !OnDemand(k) {
		return k
	}
	options := slices.Clone(k.Options)
	for i := range options {
		if options[i].Key.Text == "connect" {
			options[i].Values = nil
		}
	}
	return &conf.Keys{Options: options}
}

// maxCPUs is the size of a set of processors (CPU_SETSIZE).
const maxCPUs = 1024

// needsClone returns the first key that takes clone3; "": none does.
func needsClone(k *conf.Keys) string {
	for i, r := range k.Rlimits {
		if r.Set {
			return "rlimit_" + conf.RlimitNames[i]
		}
	}
	if k.Stderr == "null" || strings.HasPrefix(k.Stderr, "/") { // the child opens it
		return "stderr"
	}
	return first(k, onClone)
}

// granted reports whether a server can be given what the keys of its entry ask for. If
// not, it reports why. What it cannot foresee fails when the first client comes.
func (l *loader) granted(e *conf.Entry) bool {
	k := e.Keys
	if k == nil {
		return true
	}
	refuse := func(key, text, hint string) bool {
		l.report(e, k.At(key), conf.Error, k.Written(key)+": "+text+", service ignored", hint)
		return false
	}
	if key := needsClone(k); key != "" && !l.host.Clone && !e.Internal {
		return refuse(key, "this kernel has no clone3, and without it a server can be given nothing but its identity and environment", "")
	}
	if key, why := l.host.beyond(k); key != "" && !l.checking {
		return refuse(key, why, "")
	}
	if id := l.plan.Identities[Server{l.user(e), l.keysText(k)}]; k.Has("capabilities") && (id == nil || id.UID == 0) {
		return refuse("capabilities", "they are kept for a user who is not the daemon's own and not root, who has all", "write another user")
	}
	if k.Has("cpus") && k.CPUs[len(k.CPUs)-1] >= maxCPUs {
		return refuse("cpus", fmt.Sprintf("there can be no processor %d", k.CPUs[len(k.CPUs)-1]), "")
	}
	if !e.Internal && k.Has("cpus") && l.host.CPUs > 0 && k.CPUs[0] >= l.host.CPUs {
		l.report(e, k.At("cpus"), conf.Warning, fmt.Sprintf("this machine has %d processors, from number 0", l.host.CPUs), "")
	}
	if k.PTY && !e.Internal && !OnDemand(k) {
		if why := noTerminal(e); why != "" {
			return refuse("pty", why, "")
		}
	}
	if k.IdleTime > 0 && !e.Internal && !OnDemand(k) {
		if why := untimed(e); why != "" {
			return refuse("idle_time", why, "max_time ends a server however busy it is")
		}
	}
	l.checkPenalties(e)
	l.checkDirectory(e, "chroot", k.Chroot)
	l.checkDirectory(e, "directory", filepath.Join(k.Chroot, k.Directory))
	l.checkStderr(e)
	return true
}

// beyond returns the first key that takes more rights than the daemon has, and why; "":
// there is none.
func (h *Host) beyond(k *conf.Keys) (key, why string) {
	if k.Has("oom_score") && k.OOMScore < h.MinOOMScore {
		return "oom_score", fmt.Sprintf("below %d it takes a daemon with CAP_SYS_RESOURCE", h.MinOOMScore)
	}
	if h.UID == 0 {
		return "", ""
	}
	if key := first(k, onRoot); key != "" {
		return key, "it takes a daemon started by root"
	}
	if k.Nice < 0 {
		return "nice", "only root may give a value below its own"
	}
	for i, r := range k.Rlimits {
		if r.Set && len(h.HardLimits) > 0 && r.Hard > h.HardLimits[i] {
			return "rlimit_" + conf.RlimitNames[i], fmt.Sprintf("only root may raise the hard limit of the daemon, %d", h.HardLimits[i])
		}
	}
	return "", ""
}

// leastForTerminal is the smallest rlimit_as, in bytes, with which the program that
// keeps the terminal of a server starts: Go's runtime reserves that much.
const leastForTerminal = 1 << 30

// noTerminal says why the servers of an entry cannot have a terminal; "": they can.
func noTerminal(e *conf.Entry) string {
	bounds := e.Keys.Rlimits
	switch {
	case e.Wait || e.Type != conf.Stream:
		return "a terminal is for a server that has a connection of its own"
	case e.Keys.Chroot != "":
		return "it does not go with chroot, where the program is not that keeps the terminal"
	case len(bounds) > 0 && bounds[0].Set && bounds[0].Soft < leastForTerminal: // rlimit_as
		return "the program that keeps the terminal needs rlimit_as = 1g at least"
	}
	return ""
}

// untimed says why it cannot be known when the servers of an entry were last used; "":
// it can.
func untimed(e *conf.Entry) string {
	switch {
	case e.Kind == conf.Unix && e.Type == conf.Stream && e.Wait, e.Kind == conf.Mux:
		return ""
	case e.Kind == conf.Unix:
		return "the kernel does not tell when a UNIX-domain socket was used last"
	case e.Kind == conf.Vsock || e.Proto != "tcp" && e.Proto != "udp":
		return "the kernel does not tell when a socket of " + e.Proto + " was used last"
	}
	return ""
}

// checkDirectory warns of a directory that does not exist yet.
func (l *loader) checkDirectory(e *conf.Entry, key, path string) {
	if !e.Keys.Has(key) {
		return
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.report(e, e.Keys.At(key), conf.Warning, fmt.Sprintf("%s %s: %s", key, path, strerror.Cause(err)), "")
	case !info.IsDir():
		l.report(e, e.Keys.At(key), conf.Warning, fmt.Sprintf("%s %s is not a directory", key, path), "")
	}
}

// checkStderr warns of a file for standard error that servers cannot open, or that
// somebody else could redirect by putting a link in place of one of its directories.
func (l *loader) checkStderr(e *conf.Entry) {
	k := e.Keys
	if e.Internal || !strings.HasPrefix(k.Stderr, "/") {
		return
	}
	path, user := filepath.Join(k.Chroot, k.Stderr), l.examiner(e)
	f := examine.Append(path, user)
	if f == (examine.Finding{}) {
		f = examine.Finding{Cause: l.exposed(exposure{filepath.Dir(path), "file", int(user.UID), -1}), Advice: ownDirectory}
	}
	if f.Cause != "" {
		l.report(e, k.At("stderr"), conf.Warning, "stderr "+k.Stderr+": "+f.Cause, f.Advice)
	}
}

// Resources are the resources (RLIMIT_*) of the keys rlimit_*, in the order of
// conf.RlimitNames.
var Resources = [len(conf.RlimitNames)]int{
	unix.RLIMIT_AS, unix.RLIMIT_CORE, unix.RLIMIT_CPU, unix.RLIMIT_DATA, unix.RLIMIT_FSIZE,
	unix.RLIMIT_MEMLOCK, unix.RLIMIT_NOFILE, unix.RLIMIT_NPROC, unix.RLIMIT_RSS, unix.RLIMIT_STACK,
}
