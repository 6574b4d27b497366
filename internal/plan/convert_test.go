package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"inetd/internal/hosts"
)

// anyGetent knows every name without a dot, so that every entry of the golden files is served.
func anyGetent(database, key string) (line string, found bool, err error) {
	number := 1024
	for i := range len(key) {
		number = (number*31 + int(key[i])) % 60000
	}
	name, proto, _ := strings.Cut(key, "/")
	switch database {
	case "passwd":
		if strings.Contains(key, ".") { // "user.group" is a user and a group
			return "", false, nil
		}
		return fmt.Sprintf("%s:x:%d:%d::/:/bin/sh", name, number+1, number+1), true, nil
	case "group":
		return fmt.Sprintf("%s:x:%d:", name, number+1), true, nil
	case "services":
		return fmt.Sprintf("%s %d/%s", name, number+1, proto), true, nil
	case "rpc":
		return fmt.Sprintf("%s %d", name, number+1), true, nil
	}
	return "", false, nil
}

// columnar matches the keys that a classic column can express as well. They are left out
// of the comparison: an Action has them twice, in Keys and as the values they set.
var columnar = regexp.MustCompile(`(service_max|accept_max|ip_max|source_max|sndbuf|recvbuf|acceptfilter) = [^,]*(, )?`)

// knowing returns a machine that knows every name.
func knowing() *Host {
	names := hosts.New(func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")}, nil
	})
	return &Host{IPv6: true, Clone: true, Getent: anyGetent, Hosts: names}
}

// services lists what a plan opens and does, without the places it comes from.
func services(t *testing.T, path string) (list []string) {
	t.Helper()
	c := checkConfig(path)
	p := Load(&c, knowing())
	for _, v := range p.Services {
		do := *v.Do
		do.Keys = strings.TrimSuffix(columnar.ReplaceAllString(do.Keys, ""), ", ")
		text := fmt.Sprintf("%s %+v clients %s", v.Label, do, columnar.ReplaceAllString(v.Clients.String(), ""))
		for _, k := range v.Sockets {
			text += fmt.Sprintf(" %+v", k)
		}
		list = append(list, text)
	}
	return list
}

// placing matches the place of an entry in a message of --check.
var placing = regexp.MustCompile(`( \(\S+\)|line \d+)`)

// rewording replaces the words of messages that depend on the syntax of the file.
var rewording = strings.NewReplacer("only_from: ", "allow: ", "the services below", "the service")

// complaints returns the set of messages of --check about a file, without places.
func complaints(path string) map[string]bool {
	c := checkConfig(path)
	said := map[string]bool{}
	for _, p := range Check(&c, knowing()).Problems {
		said[rewording.Replace(placing.ReplaceAllString(p.Severity+": "+p.Text, ""))] = true
	}
	return said
}

// checkNoComplaints checks that --check says nothing of the converted file that it does
// not say of the original. Entries with mistakes become comments, so there may be
// nothing left to serve.
func checkNoComplaints(t *testing.T, file, converted string) {
	t.Helper()
	before := complaints(file)
	before["warning: nothing to serve"] = true
	for text := range complaints(converted) {
		if !before[text] {
			t.Errorf("%s: once converted, --check says %q", file, text)
		}
	}
}

// TestConvertSamePlan converts all configurations of testdata, those of xinetd among
// them. The result opens and does the same, and --check says nothing new of it.
func TestConvertSamePlan(t *testing.T) {
	t.Parallel()
	served := 0
	for _, pattern := range []string{"../../testdata/*/*.conf", "../../testdata/differ/*", "../../inetd.conf.example"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files: %v", err)
		}
		for _, file := range files {
			served += checkSamePlan(t, file)
		}
	}
	if served < 350 {
		t.Errorf("only %d services", served)
	}
}

// checkSamePlan converts a file, compares both plans, and returns the number of services.
func checkSamePlan(t *testing.T, file string) int {
	t.Helper()
	c := checkConfig(file)
	var b bytes.Buffer
	r, err := Convert(&c, knowing(), &b)
	if err != nil {
		t.Error(err)
	}
	out := write(t, filepath.Join(t.TempDir(), filepath.Base(file)), b.String())
	want, got := services(t, file), services(t, out)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, problems %v, converted to\n%s\n-want +got:\n%s", file, r.Problems, b.String(), diff)
	}
	checkNoComplaints(t, file, out)
	return len(want)
}

// TestConvertGeneral: a key for every entry is left out of those on which it has no
// effect.
func TestConvertGeneral(t *testing.T) {
	t.Parallel()
	const general = "* with nice = 3, start_time = 5s, env = A=b, linger = 5s, remote_host = yes;\n"
	file := write(t, filepath.Join(t.TempDir(), "a"), general+`
7 on protocol = tcp, exec = internal, args = echo;
7001 on protocol = tcp, wait = no, user = root, exec = /bin/cat;
7002 on protocol = tcp, connect = 127.0.0.1:9;
7003 on protocol = tcp, wait = no, user = root, exec = /bin/cat, connect = 127.0.0.1:9;
`)
	if n := checkSamePlan(t, file); n != 4 {
		t.Errorf("%d services", n)
	}
	c := checkConfig(file)
	var b bytes.Buffer
	if _, err := Convert(&c, &Host{}, &b); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"nice": 2, "start_time": 1, "env": 2, "linger": 1, "remote_host": 2, "connect": 2} {
		if n := strings.Count(b.String(), "\t"+key+" = "); n != want {
			t.Errorf("%q stands %d times, not %d, in\n%s", key, n, want, &b)
		}
	}
}

// amendable are entries of every kind, each with a name of its own.
const amendable = `
7001 stream tcp nowait root /bin/cat
7002 stream tcp wait root /bin/cat
7003 dgram udp wait root /bin/cat
7004 dgram udp nowait root /bin/cat
7005 stream tcp nowait root internal echo
7006 dgram udp wait root internal echo
7007 on protocol = tcp, connect = 127.0.0.1:9;
7008 on protocol = tcp, wait = no, user = root, exec = /bin/cat, connect = 127.0.0.1:9;
7009 on protocol = tcp, wait = listen, user = root, exec = /bin/cat;
7010 stream,4:dataready tcp,sndbuf=1k,recvbuf=1k nowait/4/4/4 root /bin/cat
@s stream unix nowait root /bin/cat
@d dgram unix wait root /bin/cat
tcpmux/+date stream tcp nowait root /bin/date
100007/1 dgram rpc/udp wait root /bin/cat
`

// amendments has all keys that can amend entries, as many in one as go together.
var amendments = []string{
	"sndbuf = 16k, recvbuf = 16k, acceptfilter = dataready, ip_max = 9/h, service_max = 40/10s, accept_max = 7, source_max = 3, ipsec = x",
	"service_max = 40, accept_max = 1, ip_max = 9",
	"max_time = 90, end_time = 300ms", "idle_time = 10m", "pty = yes", "stderr = log",
	"rlimit_as = 1g, rlimit_core = 0, rlimit_cpu = 10m, rlimit_data = 1g, rlimit_fsize = 1g:unlimited, rlimit_memlock = 1m, rlimit_nofile = 64, rlimit_nproc = 10, rlimit_rss = 1g, rlimit_stack = 8m",
	"nice = 5, ioprio = idle, cpus = 0, umask = 077, oom_score = 500, directory = /tmp, chroot = /, no_new_privs = yes, capabilities = kill",
	"groups = no, env = A=b 'C=d e', pass_env =, remote_host = yes", "groups = mail, pass_env = PATH",
	"allow = 10.0.0.0/8 .example.org, deny = 192.0.2.0/24", "allow = 10.0.0.0/8", "deny = 192.0.2.0/24, check_first = yes",
	"wrap = yes, wrap_name = x", "wrap = no, hours = 22:00-06:00, max_load = 2.5", "sensor = 10m",
	`banner = /etc/passwd, banner_success = /etc/passwd, banner_fail = /etc/passwd, refuse = "go away\n", full = refuse, source_prefix = 24/64`,
	"penalty = crash:90s", "penalty = crash:90s, penalty_min = 15s, penalty_max = 10m, penalty_exempt = 10.0.0.0/8", "proxy = 192.0.2.1",
	"backlog = 128, sockopt = keepalive nodelay freebind, linger = 2s",
	"connect = 127.0.0.1:18080", "start_time = 2h, ready = notify, wake = data, proxy_send = v2",
}

// TestConvertAmended: a definition that amends entries is folded into each of them, and
// the result means the same, whether the definition was for all entries or for one.
func TestConvertAmended(t *testing.T) {
	t.Parallel()
	dir, names := t.TempDir(), []string{"*"}
	for line := range strings.Lines(strings.TrimSpace(amendable)) {
		names = append(names, strings.Fields(line)[0])
	}
	for n, keys := range amendments {
		for i, list := range [][]string{names[:1], names[1:]} {
			with := ""
			for _, name := range list {
				with += name + " with " + keys + ";\n"
			}
			file := write(t, filepath.Join(dir, fmt.Sprintf("%d.%d", n, i)), with+amendable)
			if checkSamePlan(t, file) == 0 {
				t.Errorf("%s: nothing is served", keys)
			}
		}
	}
}

// TestConvertMixed converts a directory with files of every dialect, two of them with
// mistakes.
func TestConvertMixed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a":           "# of a\n7001\tstream\ttcp4\tnowait\tgames.daemon\t/bin/cat\tcat \"a b\"\n# apart\n\n",
		"b":           "7002 off protocol = udp; * with umask = 022;\n7001/tcp with nice = 3;\n",
		"c":           "127.0.0.1:\n# tpc\n7003 stream tpc nowait root /bin/cat\n.include more/*\n# of d\n",
		"d":           "#<off># 7005\tstream\ttcp\tnowait\troot\t/bin/cat\n",
		"d.dpkg-dist": "7006 on protocol = tcp;\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "more", "e"), ":root:wheel:640:/run/x\tdgram\tunix\twait\troot\t/bin/cat\n")
	c := checkConfig(dir)
	var out, problems bytes.Buffer
	r, err := Convert(&c, &Host{}, &out)
	if err != nil {
		t.Fatal(err)
	}
	r.WriteProblems(&problems)
	want := `# Converted by inetd --convert from DIR.

# of a
# DIR/a:2:51: quotes around "a b" removed; Debian and OpenBSD would pass them on
# user games.daemon: if that is one user, write user = games.daemon and no group
7001 on
	protocol = tcp4,
	wait = no,
	user = games,
	group = daemon,
	exec = /bin/cat,
	args = cat "a b",
	nice = 3,
	umask = 022;

7002 off
	protocol = udp,
	wait = yes,
	exec = internal;

# tpc
# DIR/c:3:13: unknown protocol "tpc"; did you mean "tcp"?
# 7003 stream tpc nowait root /bin/cat

:root:wheel:640:/run/x on
	protocol = unix,
	socktype = dgram,
	wait = yes,
	user = root,
	exec = /bin/cat,
	args = cat,
	umask = 022;

#<off># 7005	stream	tcp	nowait	root	/bin/cat
`
	if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), dir, "DIR")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantProblems := "DIR/c:3:13: error: unknown protocol \"tpc\"; did you mean \"tcp\"?\nDIR/more:1: warning: skipped: it is a directory\n"
	if got := strings.ReplaceAll(problems.String(), dir, "DIR"); got != wantProblems || r.Errors() != 1 {
		t.Errorf("%d errors, problems\n%s", r.Errors(), got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestConvertFull(t *testing.T) {
	t.Parallel()
	c := checkConfig(write(t, filepath.Join(t.TempDir(), "a"), "7001 on protocol = tcp;"))
	if _, err := Convert(&c, &Host{}, full{}); err == nil {
		t.Error("no error of a full disk")
	}
}

// TestConvertXinetd: what --check refuses is printed as a comment with the reason. Notes
// on the defaults stand at the top, not above the first service.
func TestConvertXinetd(t *testing.T) {
	t.Parallel()
	const service = "\ttype = UNLISTED\n\tsocket_type = stream\n\tuser = root\n\tserver = /bin/cat\n"
	path := write(t, filepath.Join(t.TempDir(), "x"), "defaults\n{\n\tlog_type = SYSLOG daemon\n\tonly_from = 10.0.0.0\n}\n\n# first\nservice a\n{\n"+service+"\tport = 7001\n\twait = yes\n}\n"+
		"# second\nservice b\n{\n"+service+"\tport = 7002\n\twait = no\n\taccess_times = 8:00-99:00\n}\n# third\nservice c\n{\n"+service+"\tport = 7003\n\twait = no\n\tdisable = yes\n}\n")
	c := checkConfig(path)
	var b bytes.Buffer
	r, err := Convert(&c, &Host{}, &b)
	if err != nil {
		t.Fatal(err)
	}
	out := strings.ReplaceAll(b.String(), path, "F")
	for _, want := range []string{
		"# Converted by inetd --convert from F.\n# F:3:2: log_type has no effect: the log of all services is that of the daemon\n\n# first\n# F:8:9: not served: nobody can be refused who talks to a server that waits for connections, and F:4:2 has a list of clients;",
		"# a on\n", "# second\n# F:26:17: bad value \"8:00-99:00\" for \"access_times\"; ", "# \thours = 8:00-99:00,\n", "\n# third\nc off\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if r.Errors() != 2 {
		t.Errorf("%d errors", r.Errors())
	}
	c = checkConfig(write(t, filepath.Join(t.TempDir(), "y"), b.String()))
	if again := Check(&c, &Host{Clone: true}); again.Errors() != 0 {
		t.Errorf("reading it again: %v", again.Problems)
	}
	c = checkConfig(path)
	says := fmt.Sprint(Check(&c, &Host{Clone: true}).Problems)
	for _, want := range []string{`:8:9: hint: service "a" is not served: it has an error`, `hint: service "b" is not served`, `hint: service "c" is off`} {
		if !strings.Contains(says, want) {
			t.Errorf("--check does not say %s, but %s", want, says)
		}
	}
}

// TestXinetdOff: mistakes in an xinetd service that is off are reported by --check and
// in the comments of --convert, but are no errors. The log does not mention them.
func TestXinetdOff(t *testing.T) {
	t.Parallel()
	const block = "service %s\n{\n\tdisable = yes\n\ttype = UNLISTED\n\tport = %s\n\tsocket_type = stream\n\twait = no\n\tuser = root\n\tserver = /bin/cat\n\t%s\n}\n"
	path := write(t, filepath.Join(t.TempDir(), "x"), fmt.Sprintf(block, "a", "7001", "instanecs = 3")+fmt.Sprintf(block, "b", "70000", "nice = low")+
		fmt.Sprintf(block, "c", "70000", "log_on_success = PID")+"service stub\n{\n\tdisable = yes\n}\n")
	c := checkConfig(path)
	r := Check(&c, knowing())
	var got strings.Builder
	r.WriteProblems(&got)
	want := `F:10:2: warning: unknown attribute "instanecs", ignored; did you mean "instances"?
F:21:9: warning: bad value "low" for "nice"; expected a number from -20 to 19
F:27:9: warning: bad value "70000" for "port"; 1 to 65535 are possible
F:1: warning: nothing to serve
`
	sorted := func(s string) string { return strings.Join(slices.Sorted(strings.Lines(s)), "") }
	if got := strings.ReplaceAll(got.String(), path, "F"); sorted(got) != sorted(want) || r.Errors() > 0 {
		t.Errorf("--check says\n%s\nwant\n%s", got, want)
	}
	if p := Load(&c, knowing()); len(p.Problems) > 0 {
		t.Errorf("the log says %v", p.Problems)
	}
	var b bytes.Buffer
	if r, err := Convert(&c, &Host{}, &b); err != nil || r.Errors() > 0 {
		t.Errorf("--convert: %v, %v", err, r.Problems)
	}
	out := strings.ReplaceAll(b.String(), path, "F")
	for _, want := range []string{
		"\n\n# F:10:2: unknown attribute \"instanecs\", ignored; did you mean \"instances\"?\na off\n", "# F:21:9: bad value \"low\" for \"nice\"; expected a number from -20 to 19\n# b off\n",
		"# F:32:2: log_on_success has no effect: ", "# F:27:9: bad value \"70000\" for \"port\"; 1 to 65535 are possible\n# c off\n", "# F:34:9: the attribute \"wait\" is missing; ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
