package conf

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// rlimit reads a bound: "soft:hard", or one value for both.
func (d *draft) rlimit(k *Keys, v []Word) {
	resource := strings.TrimPrefix(d.key, "rlimit_")
	soft, hard, two := strings.Cut(v[0].Text, ":")
	r := Rlimit{Set: true}
	r.Soft = d.bound(v[0], 0, resource, soft)
	r.Hard = r.Soft
	if two {
		r.Hard = d.bound(v[0], len(soft)+1, resource, hard)
	}
	if r.Soft > r.Hard && !d.failed {
		d.bad(v[0], 0, "write the lower bound first")
	}
	list := make([]Rlimit, len(RlimitNames)) // other Keys may share the one before
	copy(list, k.Rlimits)
	list[slices.Index(RlimitNames[:], resource)] = r
	k.Rlimits = list
}

// bound reads the value of one resource at offset off of w.
func (d *draft) bound(w Word, off int, resource, s string) uint64 {
	if s == "unlimited" {
		return Unlimited
	}
	var n uint64
	var ok bool
	hint := "expected a size such as 4096, 64k, 16m or 2g, or unlimited"
	switch resource {
	case "nofile", "nproc":
		var err error
		n, err = strconv.ParseUint(s, 10, 63)
		ok, hint = err == nil, "expected a number, or unlimited"
	case "cpu":
		var t time.Duration
		t, ok = parseDuration(s)
		n, hint = uint64((t+time.Second-1)/time.Second), "expected a number of seconds, a time such as 10m, or unlimited"
	default:
		n, ok = parseBytes(s)
	}
	if !ok {
		d.errorf(w.at(off), hint, "bad value %q for %q", s, d.key)
	}
	return n
}

// ioPriority reads a class and a level of ionice(1). A level alone is one of
// best-effort.
func (d *draft) ioPriority(k *Keys, v []Word) {
	class, level, found := strings.Cut(v[0].Text, ":")
	if isNumber(class) && !found {
		k.IOPriority = IOPriority{"best-effort", d.integer(v[0], 0, 7)}
		return
	}
	if !slices.Contains([]string{"realtime", "best-effort", "idle"}, class) || found && class == "idle" {
		d.bad(v[0], 0, "expected realtime, best-effort or idle, the first two with a level as best-effort:4")
		return
	}
	k.IOPriority.Class, k.IOPriority.Level = class, 4
	if found {
		k.IOPriority.Level = d.integerAt(v[0], len(v[0].Text)-len(level), 0, 7)
	}
}

// maxCPU is the highest number that Linux can give a processor.
const maxCPU = 8191

// cpus reads numbers of processors and ranges of them.
func (d *draft) cpus(k *Keys, v []Word) {
	k.CPUs = nil
	for _, w := range v {
		first, last, ranged := strings.Cut(w.Text, "-")
		low, err := strconv.ParseUint(first, 10, 16)
		high := low
		if err == nil && ranged {
			high, err = strconv.ParseUint(last, 10, 16)
		}
		if err != nil || high > maxCPU || low > high {
			d.bad(w, 0, "expected numbers of processors and ranges of them, such as 0 2-3")
			continue
		}
		for n := low; n <= high; n++ {
			k.CPUs = append(k.CPUs, int(n))
		}
	}
	slices.Sort(k.CPUs)
	k.CPUs = slices.Compact(k.CPUs)
}

func (d *draft) umask(k *Keys, v []Word) {
	n, err := strconv.ParseUint(v[0].Text, 8, 32)
	if err != nil || n > 0o777 {
		d.bad(v[0], 0, "expected octal digits up to 777")
	}
	k.Umask = uint32(n)
}

// groups reads "yes" for the user's own groups, "no" for none, or a list.
func (d *draft) groups(k *Keys, v []Word) {
	k.Groups = nil
	switch {
	case len(v) == 1 && v[0].Text == "yes":
	case len(v) == 1 && v[0].Text == "no":
		k.Groups = []string{}
	default:
		for _, w := range v {
			if w.Text == "" || w.Text == "yes" || w.Text == "no" {
				d.bad(w, 0, "expected yes, no or a list of groups")
			}
		}
		k.Groups = words(v)
	}
}

// ofClients are the variables by which the daemon tells a server about its client
// and its socket. If env could set them too, the server would have them twice.
var ofClients = []string{
	"PROTO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST", "TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST",
	"REMOTE_ADDR", "REMOTE_PORT", "REMOTE_HOST", "REMOTE_UID", "REMOTE_GID", "REMOTE_PID",
	"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
}

func (d *draft) env(k *Keys, v []Word) {
	for _, w := range v {
		name, _, found := strings.Cut(w.Text, "=")
		switch {
		case !found || name == "":
			d.bad(w, 0, "expected NAME=value")
		case slices.Contains(ofClients, name):
			d.bad(w, 0, "the daemon sets it for each client; remove it")
		}
	}
	k.Env = words(v)
}

func (d *draft) passEnv(k *Keys, v []Word) {
	for _, w := range v {
		if w.Text == "" || strings.Contains(w.Text, "=") || w.Text == "*" && len(v) > 1 {
			d.bad(w, 0, "expected names of variables, or * alone for all")
		}
	}
	k.PassEnv = words(v)
}

// capabilityNames are the names in capabilities(7), in the order of their numbers.
var capabilityNames = [...]string{
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid",
	"setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct",
	"sys_admin", "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod",
	"lease", "audit_write", "audit_control", "setfcap", "mac_override", "mac_admin", "syslog",
	"wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
}

// capabilities reads names, with or without "cap_" before them.
func (d *draft) capabilities(k *Keys, v []Word) {
	k.Capabilities = 0
	for _, w := range v {
		name := strings.TrimPrefix(strings.ToLower(w.Text), "cap_")
		n := slices.Index(capabilityNames[:], name)
		if n < 0 {
			d.bad(w, 0, suggest(name, capabilityNames[:]))
			continue
		}
		k.Capabilities |= 1 << n
	}
}

func (d *draft) stderr(k *Keys, v []Word) {
	k.Stderr = v[0].Text
	if !slices.Contains([]string{"socket", "log", "null"}, k.Stderr) && !strings.HasPrefix(k.Stderr, "/") {
		d.bad(v[0], 0, "expected socket, log, null or a path that starts with /")
	}
}
