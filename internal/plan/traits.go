package plan

import "inetd/internal/conf"

// trait is a property of a key that decides on which entries the key has an effect.
type trait uint8

const (
	onClone   trait = 1 << iota // it becomes a system call of a server before its exec
	onRoot                      // only a daemon started by root can obey it
	onServer                    // it has no effect without a server
	onDemand                    // it has no effect without the key connect
	onDirect                    // it has no effect on a server that gets its clients from a relay
	onBuiltin                   // it has an effect on every builtin, which is no process
	onTalk                      // it has an effect on a builtin that has connections
	onClients                   // it says who may use a service, which is refused if that cannot be obeyed
)

// traits has a row for each key with a trait. If several keys of an entry cannot be
// obeyed, the one that comes first here is reported. The keys rlimit_* are as onClone.
var traits = [...]struct {
	key string
	is  trait
}{
	{"nice", onClone | onServer},
	{"ioprio", onClone | onServer},
	{"cpus", onClone | onServer},
	{"umask", onClone | onServer},
	{"oom_score", onClone | onServer},
	{"directory", onClone | onServer},
	{"chroot", onClone | onServer | onRoot},
	{"no_new_privs", onClone | onServer},
	{"capabilities", onClone | onServer | onRoot},
	{"groups", onRoot},

	{"env", onServer},
	{"pass_env", onServer},
	{"remote_host", onServer},
	{"stderr", onServer},
	{"end_time", onServer},
	{"linger", onServer | onDirect},
	{"pty", onServer | onDirect},
	{"start_time", onServer | onDemand},
	{"ready", onServer | onDemand},
	{"wake", onServer | onDemand},
	{"proxy_send", onDemand},

	{"max_time", onServer | onTalk},
	{"idle_time", onServer | onTalk},
	{"banner", onTalk},
	{"banner_success", onTalk},
	{"banner_fail", onTalk},
	{"penalty", onTalk},
	{"penalty_min", onTalk},
	{"penalty_max", onTalk},
	{"penalty_exempt", onTalk},

	{"allow", onBuiltin | onClients},
	{"deny", onBuiltin | onClients},
	{"wrap", onBuiltin | onClients},
	{"wrap_name", onBuiltin | onClients},
	{"proxy", onBuiltin | onClients},
	{"hours", onBuiltin},
	{"max_load", onBuiltin},
	{"sensor", onBuiltin},
	{"refuse", onBuiltin},
	{"full", onBuiltin},
	{"source_prefix", onBuiltin},
	{"service_max", onBuiltin},
	{"accept_max", onBuiltin},
	{"ip_max", onBuiltin},
	{"source_max", onBuiltin},
	{"sndbuf", onBuiltin},
	{"recvbuf", onBuiltin},
	{"acceptfilter", onBuiltin},
	{"backlog", onBuiltin},
	{"sockopt", onBuiltin},
}

// traitsOf returns the traits of a key.
func traitsOf(key string) trait {
	for i := range traits {
		if traits[i].key == key {
			return traits[i].is
		}
	}
	return 0
}

// first returns the first key in force with a trait; "": there is none.
func first(k *conf.Keys, t trait) string {
	for i := range traits {
		if traits[i].is&t != 0 && k.Has(traits[i].key) {
			return traits[i].key
		}
	}
	return ""
}
