package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// alike compares values that cmp does not look into.
var alike = cmpopts.EquateComparable(netip.Prefix{})

// keyValues has, for each key that is not a column, a value with its effect, and values
// that must be refused with the place of the fault.
var keyValues = []struct {
	option string
	want   func(e *Entry)
	bad    []string // value, "|", what the message says
}{
	{"sndbuf = 16k", func(e *Entry) { e.SndBuf = 16384 }, []string{"0|out of range", "x|bad buffer size"}},
	{"recvbuf = 1g", func(e *Entry) { e.RcvBuf = 1 << 30 }, []string{"2g|out of range"}},
	{"acceptfilter = dataready", func(e *Entry) { e.Defer = true }, []string{`""|empty accept filter`}},
	{"service_max = 40/10s", func(e *Entry) { e.Limits.Starts, e.Limits.Window = 40, 10*time.Second },
		[]string{"-1|bad number", "5/|after the slash", "5/0s|after the slash", "5/1y|after the slash"}},
	{"service_max = 40/60", func(e *Entry) { e.Limits.Starts = 40 }, nil},
	{"accept_max = 7", func(e *Entry) { e.Limits.Max = 7 }, []string{"7/h|bad number"}},
	{"ip_max = 100/h", func(e *Entry) { e.Limits.PerMinute, e.Limits.SourceWindow = 100, time.Hour }, []string{"/h|number missing"}},
	{"source_max = 3", func(e *Entry) { e.Limits.PerSource = 3 }, []string{"three|bad number"}},

	{"max_time = 1.5s", func(e *Entry) { e.Keys.MaxTime = 1500 * time.Millisecond }, []string{"1 s|2 values", "1d|expected a time", "-1|expected a time", "1ns|expected a time", ".|expected a time", "9999999999999|expected a time"}},
	{"idle_time = 10m", func(e *Entry) { e.Keys.IdleTime = 10 * time.Minute }, []string{`""|expected a time`}},
	{"end_time = 300ms", func(e *Entry) { e.Keys.EndTime = 300 * time.Millisecond }, []string{"ms|expected a time"}},
	{"max_time = 90", func(e *Entry) { e.Keys.MaxTime = 90 * time.Second }, nil},
	{"start_time = 2h", func(e *Entry) { e.Keys.StartTime = 2 * time.Hour }, []string{"soon|expected a time"}},
	{"linger = 2s", func(e *Entry) { e.Keys.Linger = 2 * time.Second }, []string{"yes|expected a time"}},

	{"rlimit_as = 512m:2g", limited("as", 512<<20, 2<<30), []string{"2g:1g|write the lower bound first", "1k:x|bad value \"x\"", "8388608t|expected a size", "|no value"}},
	{"rlimit_core = 0", limited("core", 0, 0), []string{"none|expected a size"}},
	{"rlimit_cpu = 10m", limited("cpu", 600, 600), []string{"1x|expected a number of seconds"}},
	{"rlimit_data = 64k", limited("data", 65536, 65536), []string{"1t|expected a size"}},
	{"rlimit_fsize = 1g:unlimited", limited("fsize", 1<<30, Unlimited), []string{"unlimited:1|lower bound"}},
	{"rlimit_memlock = unlimited", limited("memlock", Unlimited, Unlimited), []string{"9223372036854775807g|expected a size"}},
	{"rlimit_nofile = 64:128", limited("nofile", 64, 128), []string{"1k|expected a number"}},
	{"rlimit_nproc = 10", limited("nproc", 10, 10), []string{"-1|expected a number"}},
	{"rlimit_rss = 1m", limited("rss", 1<<20, 1<<20), []string{"m|expected a size"}},
	{"rlimit_stack = 8m", limited("stack", 8<<20, 8<<20), []string{"8 m|2 values"}},
	{"nice = -5", func(e *Entry) { e.Keys.Nice = -5 }, []string{"20|from -20 to 19", "+1|from -20", "x|from -20"}},
	{"ioprio = best-effort:7", func(e *Entry) { e.Keys.IOPriority = IOPriority{"best-effort", 7} }, []string{"idle:1|expected realtime", "8|from 0 to 7", "realtime:8|from 0 to 7", "fast|expected realtime"}},
	{"ioprio = idle", func(e *Entry) { e.Keys.IOPriority = IOPriority{"idle", 4} }, nil},
	{"ioprio = 2", func(e *Entry) { e.Keys.IOPriority = IOPriority{"best-effort", 2} }, nil},
	{"cpus = 4 0-2 1", func(e *Entry) { e.Keys.CPUs = []int{0, 1, 2, 4} }, []string{"3-1|expected numbers", "8192|expected numbers", "0-|expected numbers"}},
	{"umask = 077", func(e *Entry) { e.Keys.Umask = 0o77 }, []string{"8|octal", "1000|octal", "-1|octal"}},
	{"oom_score = 500", func(e *Entry) { e.Keys.OOMScore = 500 }, []string{"1001|from -1000 to 1000"}},

	{"directory = /srv/ftp", func(e *Entry) { e.Keys.Directory = "/srv/ftp" }, []string{"srv|starts with /"}},
	{"chroot = '/srv/a b'", func(e *Entry) { e.Keys.Chroot = "/srv/a b" }, []string{"../x|starts with /"}},
	{"groups = yes", func(e *Entry) {}, []string{"yes no|list of groups"}},
	{"groups = no", func(e *Entry) { e.Keys.Groups = []string{} }, nil},
	{"groups = mail 12", func(e *Entry) { e.Keys.Groups = []string{"mail", "12"} }, nil},
	{"env = TZ=UTC 'A=b c' E=", func(e *Entry) { e.Keys.Env = []string{"TZ=UTC", "A=b c", "E="} }, []string{"TZ|expected NAME=value", "=x|expected NAME", "REMOTE_ADDR=::1|the daemon sets it"}},
	{"pass_env = PATH LANG", func(e *Entry) { e.Keys.PassEnv = []string{"PATH", "LANG"} }, []string{"A=b|names of variables"}},
	{"remote_host = yes", func(e *Entry) { e.Keys.RemoteHost = true }, []string{"maybe|expected no or yes"}},
	{"no_new_privs = yes", func(e *Entry) { e.Keys.NoNewPrivs = true }, []string{"maybe|expected no or yes"}},
	{"capabilities = net_bind_service CAP_KILL", func(e *Entry) { e.Keys.Capabilities = 1<<10 | 1<<5 }, []string{"net_bind_servic|did you mean"}},
	{"stderr = log", func(e *Entry) { e.Keys.Stderr = "log" }, []string{"file|expected socket, log, null"}},
	{"stderr = /var/log/x", func(e *Entry) { e.Keys.Stderr = "/var/log/x" }, nil},
	{"pty = yes", func(e *Entry) { e.Keys.PTY = true }, []string{"1|expected no or yes"}},

	{"allow = 10.0.0.0/8 ::1 .example.org mail.example.org", func(e *Entry) {
		e.Keys.Allow = []Client{{Net: netip.MustParsePrefix("10.0.0.0/8")}, {Net: netip.MustParsePrefix("::1/128")}, {Name: ".example.org"}, {Name: "mail.example.org"}}
	}, []string{"10.0.0|expected an address", "10.0.0.0/33|expected an address", "10.0.0.0/+8|expected", "fe80::1%eth0|expected", "a/b|expected"}},
	{"deny = ::ffff:192.0.2.0/120", func(e *Entry) { e.Keys.Deny = []Client{{Net: netip.MustParsePrefix("192.0.2.0/24")}} }, []string{"::ffff:192.0.2.0/90|expected"}},
	{"wrap = no", func(e *Entry) {}, []string{"on|expected no or yes"}},
	{"check_first = yes", func(e *Entry) { e.Keys.CheckFirst = true }, []string{"on|expected no or yes"}},
	{"wrap_name = special", func(e *Entry) { e.Keys.WrapName = "special" }, []string{"a:b|expected a word", `""|expected a word`, `"a b"|expected a word`, "a@b|expected a word", "a b|2 values"}},
	{"hours = 8:00-17:30 22:00-06:00", func(e *Entry) { e.Keys.Hours = []Hours{{480, 1050}, {1320, 360}} }, []string{"8-17|expected such as 08:00-17:30", "8:00-24:00|expected such as", "always|expected such as"}},
	{"max_load = 2.5", func(e *Entry) { e.Keys.MaxLoad = 2.5 }, []string{"0|expected a number above 0", "-1|expected a number above 0", "nan|expected a number above 0", "inf|expected a number above 0", "x|expected a number above 0"}},
	{"sensor = 10m", func(e *Entry) { e.Keys.Sensor = 10 * time.Minute }, []string{"never|expected a time such as 10m", "-1s|expected a time"}},
	{"sensor = forever", func(e *Entry) { e.Keys.Sensor = Forever }, nil},
	{"banner = /etc/issue.net", func(e *Entry) { e.Keys.Banner = "/etc/issue.net" }, []string{"issue|expected a path that starts with /"}},
	{"banner_success = /etc/motd", func(e *Entry) { e.Keys.BannerSuccess = "/etc/motd" }, []string{"x|expected a path that starts with /"}},
	{"banner_fail = /etc/nologin", func(e *Entry) { e.Keys.BannerFail = "/etc/nologin" }, []string{"x|expected a path that starts with /"}},
	{`refuse = "go away\n"`, func(e *Entry) { e.Keys.Refuse = "go away\n" }, []string{"go away|2 values", strings.Repeat("x", 1001) + "|at most 1000 bytes"}},
	{"full = refuse", func(e *Entry) { e.Keys.FullRefuse = true }, []string{"drop|expected wait or refuse"}},
	{"source_prefix = 24/64", func(e *Entry) { e.Keys.SourceV4, e.Keys.SourceV6 = 24, 64 }, []string{"24|such as 32/64", "33/64|such as", "0/64|such as"}},
	{"penalty = crash:90s fail:5", func(e *Entry) { e.Keys.Penalties = Penalties{90 * time.Second, 5 * time.Second, 0} }, []string{"crash|crash:TIME", "crsh:1|crash:TIME", "fail:x|expected a time"}},
	{"penalty_min = 15s", func(e *Entry) { e.Keys.PenaltyMin = 15 * time.Second }, []string{"x|expected a time"}},
	{"penalty_max = 10m", func(e *Entry) { e.Keys.PenaltyMax = 10 * time.Minute }, []string{"x|expected a time"}},
	{"penalty_exempt = 10.0.0.0/8", func(e *Entry) { e.Keys.PenaltyExempt = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, []string{"localhost|expected an address or a network"}},
	{"proxy = 192.0.2.1", func(e *Entry) { e.Keys.Proxy = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} }, []string{"haproxy|expected an address or a network"}},

	{"backlog = 128", func(e *Entry) { e.Keys.Backlog = 128 }, []string{"0|from 1"}},
	{"sockopt = keepalive nodelay freebind device:eth0 mark:0x7 tos:16 congestion:bbr user_timeout:30s fastopen:5", func(e *Entry) {
		e.Keys.Sockopt = Sockopt{KeepAlive: true, NoDelay: true, FreeBind: true, Device: "eth0", Mark: 7, TOS: 16, Congestion: "bbr", UserTimeout: 30 * time.Second, FastOpen: 5}
	}, []string{"keepalive:1|expected keepalive", "mark|expected keepalive", "mark:x|expected a number", "tos:256|from 0 to 255", "device:|name of 1 to 15", "device:abcdefghijklmnop|name of 1 to 15", "fastopen:0|from 1"}},

	{"connect = 127.0.0.1:18080", func(e *Entry) { e.Keys.Connect = Place{"tcp", "127.0.0.1:18080"} }, []string{"127.0.0.1|HOST:PORT", "::1:80|HOST:PORT", "1.2.3:80|HOST:PORT", "a:0|HOST:PORT", "/|1 to 107", "vsock:1|vsock:CID:PORT"}},
	{"connect = [2001:db8::5]:443", func(e *Entry) { e.Keys.Connect = Place{"tcp", "[2001:db8::5]:443"} }, nil},
	{"connect = db.example.org:5432", func(e *Entry) { e.Keys.Connect = Place{"tcp", "db.example.org:5432"} }, nil},
	{"connect = /run/x", func(e *Entry) { e.Keys.Connect = Place{"unix", "/run/x"} }, nil},
	{"connect = @x", func(e *Entry) { e.Keys.Connect = Place{"unix", "@x"} }, nil},
	{"connect = vsock:3:1024", func(e *Entry) { e.Keys.Connect = Place{"vsock", "3:1024"} }, nil},
	{"ready = notify", func(e *Entry) { e.Keys.ReadyNotify = true }, []string{"yes|expected connect or notify"}},
	{"wake = data", func(e *Entry) { e.Keys.WakeData = true }, []string{"yes|expected connect or data"}},
	{"proxy_send = v2", func(e *Entry) { e.Keys.ProxySend = 2 }, []string{"v3|expected v1 or v2"}},
}

func limited(resource string, soft, hard uint64) func(*Entry) {
	return func(e *Entry) {
		e.Keys.Rlimits = make([]Rlimit, len(RlimitNames))
		e.Keys.Rlimits[slices.Index(RlimitNames[:], resource)] = Rlimit{true, soft, hard}
	}
}

const plainEntry = "x on protocol = tcp, wait = no, user = root, exec = /bin/cat"

// TestKeys writes each key into an entry and into a definition that amends it.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, tt := range keyValues {
		for _, text := range []string{
			plainEntry + ", " + tt.option + ";",
			plainEntry + ";\nx with " + tt.option + ";",
			"*/tcp with " + tt.option + ";\nx stream tcp nowait root /bin/cat\n",
		} {
			p := Parser{}
			entries := p.parse("f", []byte(text))
			if len(entries) != 1 || p.Problems != nil {
				t.Errorf("%s: %d entries, problems %v", text, len(entries), p.Problems)
				continue
			}
			key, _, _ := strings.Cut(tt.option, " =")
			if at := entries[0].Keys.At(key); at.Line == 0 {
				t.Errorf("%s: no place", text)
			}
			want := plain()
			want.Keys = &Keys{}
			tt.want(&want)
			if diff := cmp.Diff(placeless([]Entry{want}), placeless(entries), alike); diff != "" {
				t.Errorf("%s: -want +got:\n%s", text, diff)
			}
			checkDefined(t, entries)
		}
	}
}

// plain is the entry that the keys are added to.
func plain() Entry {
	entries, _ := Parse("f", []byte(plainEntry+";"), nil)
	return entries[0]
}

// TestKeysRefused: a wrong value is an error with its place, and has no effect.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, tt := range keyValues {
		key, _, _ := strings.Cut(tt.option, " =")
		tested[key] = tested[key] || tt.bad != nil || key == "refuse"
		for _, bad := range tt.bad {
			value, message, _ := strings.Cut(bad, "|")
			p := Parser{}
			entries := p.parse("f", []byte(fmt.Sprintf("%s, %s = %s;", plainEntry, key, value)))
			if len(entries) != 0 || len(p.Problems) == 0 || !strings.Contains(p.Problems[0].String(), message) {
				t.Errorf("%s = %s: %d entries, problems %v, want %q", key, value, len(entries), p.Problems, message)
			}
			if len(p.Problems) > 0 && p.Problems[0].Pos.Col <= len(plainEntry) {
				t.Errorf("%s = %s: reported at %v", key, value, p.Problems[0].Pos)
			}
		}
	}
	for i := range table {
		if row := &table[i]; row.kind&(column|nothing) == 0 && !tested[row.name] {
			t.Errorf("no value of %q is tested", row.name)
		}
	}
}
