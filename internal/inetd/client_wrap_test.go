package inetd

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"inetd/internal/freeport"
	"inetd/internal/logbook/booktest"
	"inetd/internal/plan"
	"inetd/internal/syslog"
	"inetd/internal/wrap"
	"inetd/internal/wrap/dnstest"
)

// scene is a Server with one service and its files of access rules.
type scene struct {
	t     *testing.T
	dir   string
	port  string
	cfg   Config
	log   booktest.Buffer
	names *net.Resolver // nil: there is no name server
	s     *Server
}

// newScene makes the configuration. PORT and DIR in its texts are replaced.
func newScene(t *testing.T, conf string, set func(*Config)) *scene {
	port, err := freeport.Claim()
	if err != nil {
		t.Fatal(err)
	}
	sc := &scene{t: t, dir: t.TempDir(), port: strconv.Itoa(port)}
	file := sc.write("inetd.conf", conf)
	sc.cfg = Config{Config: plan.Config{
		Files: []string{file}, Explicit: true,
		AllowFile: sc.path("allow"), DenyFile: sc.path("deny"), SecFile: sc.path("sec"),
	}}
	if set != nil {
		set(&sc.cfg)
	}
	return sc
}

func (sc *scene) path(name string) string { return filepath.Join(sc.dir, name) }

func (sc *scene) write(name, text string) string {
	text = strings.NewReplacer("PORT", sc.port, "DIR", sc.dir).Replace(text)
	if err := os.WriteFile(sc.path(name), []byte(text), 0o600); err != nil {
		sc.t.Fatal(err)
	}
	return sc.path(name)
}

// start makes the Server and puts the configuration into force.
func (sc *scene) start() {
	sc.cfg.Log = syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: &sc.log})
	s, err := New(sc.cfg)
	if err != nil {
		sc.t.Fatal(err)
	}
	sc.s = s
	sc.t.Cleanup(s.close)
	sc.endLate()
	if sc.names == nil {
		sc.names = dnstest.Silent()
	}
	s.inquiries.Asker = wrap.NewAsker(sc.names)
	for s.reload(nil); s.loading; {
		s.turn()
	}
}

// endLate ends a test that still turns the loop after a time that is enough for any test.
func (sc *scene) endLate() {
	mail := sc.s.mail
	late := time.AfterFunc(2*time.Minute, func() {
		mail.Post(func() { sc.t.Fatalf("it waits for something that does not happen:\n%s", sc.end()) })
	})
	sc.t.Cleanup(func() { late.Stop() })
}

// visit connects from an address, sends text, and returns the answer when the server has
// ended.
func (sc *scene) visit(from, text string) (answer string) {
	var err error
	over := false
	go func() {
		var b []byte
		b, err = talkTo("127.0.0.1:"+sc.port, from, text)
		answer = string(b)
		sc.s.mail.Post(func() { over = true })
	}()
	sc.serve(func() bool { return over })
	if err != nil {
		sc.t.Error(err)
	}
	return answer
}

// serve turns the loop until a client has gone and all is done for it.
func (sc *scene) serve(gone func() bool) {
	for !gone() || sc.s.inquiries.Len() > 0 || sc.s.arrivals.Len() > 0 || sc.s.talks.Room.Len() > 0 {
		sc.s.turn()
	}
	for sc.s.running.Len() > 0 { // a turn may reap the last one and then sleep
		sc.s.reap()
	}
}

func talkTo(to, from, text string) ([]byte, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp4", to)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if text != "" {
		io.WriteString(c, text)
		c.(*net.TCPConn).CloseWrite()
	}
	return io.ReadAll(c)
}

// end ends the Server and returns its log.
func (sc *scene) end() string {
	sc.cfg.Log.Close(time.Second)
	return sc.log.String()
}

func wrapped(c *Config) { c.Wrap = true }

const stranger = "127.0.0.2" // an address that no hosts file names

// The servers of the scenes.
const (
	echoServer = "127.0.0.1:PORT stream tcp4 nowait - /bin/echo echo welcome"
	shServer   = "127.0.0.1:PORT stream tcp4 nowait - /bin/sh sh -c "
)

func TestRules(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, test := range []struct {
		name, conf, allow, deny string
		set                     func(*Config)
		answer, log             string // regular expressions; "-": no line at all
	}{
		{"open", echoServer, "", "", wrapped, `^welcome\n$`, `: connection from 127\.0\.0\.2, service PORT \(tcp4\)$`},
		{"deny", echoServer, "", "ALL: ALL", wrapped, `^$`,
			`: refused connection from 127\.0\.0\.2, service PORT \(tcp4\): DIR/deny:1: ALL: ALL \(daemon echo, peer 127\.0\.0\.2:\d+\)$`},
		{"daemon is argv0", echoServer, "echo: 127.0.0.2", "ALL: ALL", wrapped, `^welcome\n$`, `: connection from `},
		{"other daemon", echoServer, "login: 127.0.0.2", "ALL: ALL", wrapped, `^$`, `: refused connection from `},
		{"not asked for", echoServer, "", "ALL: ALL", nil, `^welcome\n$`, `-connection from`},
		{"severity", echoServer, "ALL: ALL: severity local3.debug", "", wrapped, `^welcome\n$`, `-connection from`},
		{"setenv", shServer + "'echo $FOO $TERM; env | grep -c TERM'", "ALL: ALL: setenv FOO %a-%d: setenv TERM vt52", "",
			func(c *Config) { c.Wrap, c.KeepEnv = true, true }, `^127\.0\.0\.2-sh vt52\n1\n$`, `: connection from`},
		{"umask", shServer + "umask", "ALL: ALL: umask 077", "", wrapped, `^0077\n$`, `: connection from`},
		{"umask 0", shServer + "umask\n* with umask = 077;", "ALL: ALL: umask 0", "", wrapped, `^0000\n$`, `: connection from`},
		{"nice beside that of the entry", shServer + "'for try in $(seq 5000); do test $(nice) = " + strconv.Itoa(min(niceness()+8, 19)) + " && echo yes && break; done'\n* with nice = 2;", "ALL: ALL: nice 6", "", wrapped, `^yes\n$`, `: connection from`},
		{"nice", shServer + "'for try in $(seq 5000); do test $(nice) = " + strconv.Itoa(min(niceness()+13, 19)) + " && echo yes && break; done'", "ALL: ALL: nice 3: nice", "", wrapped, `^yes\n$`, `: connection from`},
		{"twist", echoServer, "", "ALL: ALL: twist echo no %d for %a", wrapped, `^no echo for 127\.0\.0\.2\n$`,
			`: twist 127\.0\.0\.2 to echo no echo for 127\.0\.0\.2, service PORT \(tcp4\): DIR/deny:1: `},
		{"twist of one let in", echoServer, "ALL: ALL: setenv A b: twist echo instead $A", "", wrapped, `^instead b\n$`, `: twist `},
		{"aclexec", echoServer, "ALL: ALL: aclexec test %a = 127.0.0.2", "", wrapped, `^welcome\n$`, `: connection from`},
		{"aclexec refuses", echoServer, "ALL: ALL: aclexec exit 3", "", wrapped, `^$`,
			`: refused connection from .*: DIR/allow:1: ALL: ALL: aclexec exit 3: option aclexec: exit status 3 \(`},
		{"aclexec refuses the twisted", echoServer, "ALL: ALL: aclexec false: twist echo x", "", wrapped, `^x\n$`, `: twist`},
		{"banner", echoServer, "", "ALL: ALL: banners DIR", wrapped, `^no %echo here\r\n127\.0\.0\.2\r\n$`, `: refused connection`},
		{"no banner", shServer + "'echo hi'", "ALL: ALL: banners DIR", "", wrapped, `^hi\n$`, `: connection from`},
		{"socket options", echoServer, "ALL: ALL: keepalive: linger 5", "", wrapped, `^welcome\n$`, `: connection from`},
		{"rfc931", echoServer, "ALL: ALL: rfc931 5", "", wrapped, `^welcome\n$`, `: connection from`},
		{"unknown user", echoServer, "ALL: ALL: user nobodyy", "", wrapped, `^$`, `: refused connection from .*"nobodyy"`},
		{"bad option", echoServer, "ALL: ALL: sevrity info", "", wrapped, `^$`, `: DIR/allow:1:11: unknown option "sevrity": this rule refuses whom it matches; did you mean severity\?$`},
		{"bad option refuses", echoServer, "ALL: ALL: sevrity info", "", wrapped, `^$`, `: refused connection from `},
		{"list", echoServer, "", "ALL: DIR/outlaws", wrapped, `^$`, `: refused connection`},
		{"tcpd asks itself", "127.0.0.1:PORT stream tcp4 nowait - DIR/tcpd in.x welcome", "", "ALL: ALL", wrapped, `^welcome\n$`, `-connection from`},
		{"builtin is not external", "127.0.0.1:PORT stream tcp4 nowait - internal echo", "", "ALL: ALL", wrapped, `^hello$`, `-connection from`},
		{"builtin", "127.0.0.1:PORT stream tcp4 nowait - internal echo", "", "PORT: ALL", func(c *Config) { c.WrapInternal = true },
			`^$`, `: refused connection from .* \(daemon PORT, peer 127\.0\.0\.2:\d+\)$`},
		{"builtin let in", "127.0.0.1:PORT stream tcp4 nowait - internal echo", "PORT: ALL", "ALL: ALL", func(c *Config) { c.WrapInternal = true },
			`^hello$`, `: connection from `},
		{"twist of builtin", "127.0.0.1:PORT stream tcp4 nowait - internal echo", "", "ALL: ALL: twist echo no", func(c *Config) { c.WrapInternal = true },
			`^no\n$`, `: twist `},
		{"external is no builtin", echoServer, "", "ALL: ALL", func(c *Config) { c.WrapInternal = true }, `^welcome\n$`, `-connection from`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TERM", "dumb")
			sc := newScene(t, test.conf+"\n", test.set)
			sc.write("allow", strings.TrimLeft(test.allow+"\n", "\n"))
			sc.write("deny", strings.TrimLeft(test.deny+"\n", "\n"))
			sc.write("echo", "no %%%d here\n%a\n")
			sc.write("outlaws", "127.0.0.3 127.0.0.2\n")
			if err := os.Symlink("/bin/echo", sc.path("tcpd")); err != nil {
				t.Fatal(err)
			}
			sc.start()
			send := ""
			if test.answer == "^hello$" {
				send = "hello"
			}
			if got := sc.visit(stranger, send); !regexp.MustCompile(test.answer).MatchString(got) {
				t.Errorf("answer %q, want %s", got, test.answer)
			}
			if u := sc.s.now.Services[0].Usage(); u.Live != 0 {
				t.Errorf("%d servers seem to run", u.Live)
			}
			sc.wantLog(test.log)
		})
	}
}

// wantLog ends the Server and looks for a line in its log; after a "-" at the front of the
// pattern there must be none.
func (sc *scene) wantLog(pattern string) {
	sc.t.Helper()
	bare, none := strings.CutPrefix(pattern, "-")
	bare = strings.NewReplacer("PORT", sc.port, "DIR", regexp.QuoteMeta(sc.dir)).Replace(bare)
	log := sc.end()
	if found := regexp.MustCompile("(?m)" + bare).MatchString(log); found == none {
		sc.t.Errorf("want %s in\n%s", pattern, log)
	}
}

func niceness() int {
	stat, _ := os.ReadFile("/proc/self/stat")
	_, rest, _ := strings.Cut(string(stat), ") ")
	n, _ := strconv.Atoi(strings.Fields(rest)[16])
	return n
}

func TestRulesUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root starts servers as others")
	}
	for _, test := range []struct{ user, option, answer string }{
		{"root", "user nobody", "nobody nogroup nogroup\n"},
		{"root", "user nobody.daemon", "nobody daemon daemon\n"},
		{"nobody", "group daemon", "nobody daemon daemon\n"},
		{"nobody", "setenv A b", "nobody nogroup nogroup\n"},
		{"nobody", "twist id -un", "nobody\n"},
	} {
		t.Run(test.user+" "+test.option, func(t *testing.T) {
			sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait "+test.user+" /bin/sh sh -c 'echo `id -un` `id -gn` `id -Gn`'\n", wrapped)
			sc.write("allow", "ALL: ALL: "+test.option+"\n")
			sc.start()
			if got := sc.visit(stranger, ""); got != test.answer {
				t.Errorf("answer %q, want %q", got, test.answer)
			}
		})
	}
}

func TestRulesSpawn(t *testing.T) {
	for _, file := range []string{"allow", "deny"} {
		t.Run(file, func(t *testing.T) {
			sc := newScene(t, shServer+"'echo $$'\n", wrapped)
			sc.write(file, "ALL: ALL: spawn echo %a %d %p >DIR/out; readlink /proc/self/fd/0 >>DIR/out\n")
			sc.start()
			pid := strings.TrimSpace(sc.visit(stranger, ""))
			if file == "deny" {
				pid = strconv.Itoa(os.Getpid())
			}
			got, err := os.ReadFile(sc.path("out"))
			if want := stranger + " sh " + pid + "\n/dev/null\n"; err != nil || string(got) != want {
				t.Errorf("spawned %q, %v; want %q", got, err, want)
			}
		})
	}
}

// TestRulesChange: the files of access rules are edited without telling the Server, and the
// next client meets the new rules.
func TestRulesChange(t *testing.T) {
	sc := newScene(t, echoServer+"\n", wrapped)
	sc.start()
	visit := func(want string) {
		t.Helper()
		if got := sc.visit(stranger, ""); got != want {
			t.Errorf("answer %q, want %q", got, want)
		}
	}
	visit("welcome\n")
	sc.write("deny", "ALL: ALL\n:\n")
	visit("")
	visit("")
	sc.write("allow", "echo: 127.0.0.2\n")
	visit("welcome\n")
	os.Remove(sc.path("allow"))
	visit("")
	os.Remove(sc.path("deny"))
	visit("welcome\n")
	os.Mkdir(sc.path("deny"), 0o700)
	visit("")
	log := sc.end()
	for pattern, want := range map[string]int{
		`deny:2:1: `: 3, // once for each change of either file
		`deny: Is a directory: nobody is let in\n`:                 1,
		`refused connection from .*/deny: Is a directory \(daemon`: 1,
	} {
		if got := len(regexp.MustCompile(pattern).FindAllString(log, -1)); got != want {
			t.Errorf("%d times %s, want %d, in\n%s", got, pattern, want, log)
		}
	}
}

func TestInetdSec(t *testing.T) {
	const byName = "127.0.0.1:gopher2 stream tcp4 nowait - /bin/echo echo welcome"
	for _, test := range []struct{ name, conf, sec, answer, log string }{
		{"absent", echoServer, "", `^welcome\n$`, `-sec`},
		{"other service", echoServer, "x deny *", `^welcome\n$`, `: DIR/sec:1: in force: `},
		{"allow", echoServer, "PORT allow 127.0.0.2", `^welcome\n$`, `-connection from`},
		{"allow others", echoServer, "PORT allow 127.0.0.1", `^$`, `: refused connection from 127\.0\.0\.2, service PORT \(tcp4\): DIR/sec:1: PORT allow 127\.0\.0\.1 \(`},
		{"deny", echoServer, "PORT deny 127.*", `^$`, `: refused connection`},
		{"official name", byName, "gopher1 deny *", `^$`, `: refused connection from 127\.0\.0\.2, service gopher2 \(tcp4\)`},
		{"alias", byName, "gopher2 deny *", `^welcome\n$`, `-refused`},
		{"builtin", "127.0.0.1:PORT stream tcp4 nowait - internal echo", "PORT deny *", `^$`, `: refused connection`},
		{"fault", echoServer, "PORT dney *", `^$`, `: DIR/sec:1:\d+: "dney" is neither allow nor deny: no peer is let in; did you mean deny\?$`},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t, test.conf+"\n", nil)
			sc.write("services", "gopher1 PORT/tcp gopher2\n")
			if test.sec != "" {
				sc.write("sec", test.sec+"\n")
			}
			sc.start()
			if got := sc.visit(stranger, ""); !regexp.MustCompile(test.answer).MatchString(got) {
				t.Errorf("answer %q, want %s", got, test.answer)
			}
			sc.wantLog(test.log)
		})
	}
}

func TestInetdSecClosesWhatItCannotCheck(t *testing.T) {
	const rest = `limits who may use it, which is impossible for a wait or datagram service, service ignored \(`
	for _, test := range []struct{ entry, log string }{
		{"127.0.0.1:PORT dgram udp4 wait - /bin/true true", `: PORT/udp4: DIR/sec:1: ` + rest},
		{"127.0.0.1:PORT stream tcp4 wait - /bin/true true", `: PORT/tcp4: DIR/sec:1: ` + rest},
		{"127.0.0.1:PORT dgram udp4 wait - internal echo", `: PORT/udp4: DIR/sec:1: ` + rest},
		{"127.0.0.1:gopher2 dgram udp4 wait - /bin/true true", `-ignored`},
	} {
		t.Run(test.entry, func(t *testing.T) {
			sc := newScene(t, test.entry+"\n", nil)
			sc.write("services", "gopher2 PORT/udp\n")
			sc.write("sec", "PORT deny 10.*\n")
			sc.start()
			test.log = strings.Replace(test.log, "sec:1: ", "sec:1 ", 1)
			if got, want := len(sc.s.now.Services), strings.Count(test.log, "-"); got != want {
				t.Errorf("%d services, want %d", got, want)
			}
			sc.wantLog(test.log)
		})
	}
}

// TestInquiriesBounded: a client stays in the listen queue while as many inquiries are
// under way as may be.
func TestInquiriesBounded(t *testing.T) {
	sc := newScene(t, echoServer+"\n", wrapped)
	sc.start()
	sc.s.inquiries.Max = 0
	answer := make(chan string, 1)
	go func() {
		b, err := talkTo("127.0.0.1:"+sc.port, stranger, "")
		answer <- fmt.Sprintf("%s%v", b, err)
		sc.s.mail.Post(func() {})
	}()
	for sc.s.now.Services[0].First.Held == 0 {
		sc.s.turn()
	}
	sc.s.inquiries.Max = 1
	for len(answer) == 0 {
		sc.s.turn()
	}
	if got := <-answer; got != "welcome\n<nil>" {
		t.Errorf("answer %q", got)
	}
	if n := sc.s.inquiries.Len(); n != 0 {
		t.Errorf("%d inquiries", n)
	}
}

// TestRulesUnix: a client without an address is matched only by ALL, UNKNOWN and the like.
func TestRulesUnix(t *testing.T) {
	for _, test := range []struct{ deny, answer, log string }{
		{"echo: 127.", "hi\n", `: connection from unknown, service DIR/s \(unix\)$`},
		{"echo: ALL", "", `: refused connection from unknown, service DIR/s \(unix\): DIR/deny:1: echo: ALL \(daemon echo\)$`},
	} {
		t.Run(test.deny, func(t *testing.T) {
			sc := newScene(t, "", wrapped)
			sc.write("inetd.conf", "DIR/s stream unix nowait - /bin/echo echo hi\n")
			sc.write("deny", test.deny+"\n")
			sc.start()
			answer := ""
			over := false
			go func() {
				c, err := net.Dial("unix", sc.path("s"))
				if err == nil {
					b, _ := io.ReadAll(c)
					answer = string(b)
					c.Close()
				}
				sc.s.mail.Post(func() { over = true })
			}()
			sc.serve(func() bool { return over })
			if answer != test.answer {
				t.Errorf("%s: answer %q, want %q", test.deny, answer, test.answer)
			}
			sc.wantLog(test.log)
		})
	}
}

func TestInetdSecUnreadable(t *testing.T) {
	sc := newScene(t, echoServer+"\n127.0.0.1:PORT dgram udp4 wait - /bin/true true\n", nil)
	if err := os.Mkdir(sc.path("sec"), 0o700); err != nil {
		t.Fatal(err)
	}
	sc.start()
	if got := sc.visit(stranger, ""); got != "" || len(sc.s.now.Services) != 1 {
		t.Errorf("answer %q, %d services", got, len(sc.s.now.Services))
	}
	sc.wantLog(`: PORT/udp4: DIR/sec limits who may use it(.|\n)*: refused connection from .*: DIR/sec: Is a directory \(`)
}
