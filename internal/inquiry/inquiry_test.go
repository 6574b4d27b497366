package inquiry

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inetd/internal/access"
	"inetd/internal/child/childtest"
	"inetd/internal/client"
	"inetd/internal/command"
	"inetd/internal/conf"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/prefix"
	"inetd/internal/sock/socktest"
	"inetd/internal/syslog"
	"inetd/internal/table"
	"inetd/internal/wrap"
	"inetd/internal/wrap/dnstest"

	"golang.org/x/sys/unix"
)

// fixture is a Desk with a loop of its own, and a service whose server is /bin/echo.
// There are no files of rules at first.
type fixture struct {
	*Desk
	*booktest.Book
	t    *testing.T
	dir  string
	v    *table.Service
	mail *looptest.Mailbox
}

func newFixture(t *testing.T, cfg plan.Config) *fixture {
	t.Helper()
	starter := childtest.New(t)
	f := &fixture{Book: booktest.New(t), t: t, dir: t.TempDir(), mail: looptest.New(t)}
	cfg.AllowFile, cfg.DenyFile, cfg.SecFile = f.path("allow"), f.path("deny"), f.path("sec")
	f.Now.Guards = map[*table.Service]*access.Guard{}
	f.v = &table.Service{Label: "one/tcp", At: table.Place{Line: 4}, Do: &table.Action{
		Action: &plan.Action{Mode: plan.Accept, Listens: true, Path: "/bin/echo", Argv: "echo"}, Daemon: "echo",
	}}
	f.Desk = New(Options{Config: &cfg}, f.Book.Book, f.Now, starter, &command.Runner{Starter: starter, Post: f.mail.Post}, f.mail.Mailbox)
	f.Asker = wrap.NewAsker(dnstest.Silent())
	return f
}

// What the command line may say of rules.
var (
	no       = plan.Config{}
	wrapped  = plan.Config{Wrap: true}
	internal = plan.Config{WrapInternal: true}
)

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

// rules writes a line into a file of rules; "": there is no such file.
func (f *fixture) rules(name, line string) {
	f.t.Helper()
	if line == "" {
		return
	}
	if err := os.WriteFile(f.path(name), []byte(line+"\n"), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// said is all that was logged.
func (f *fixture) said() string { return strings.ReplaceAll(f.Lines(), f.dir, "DIR") }

// him is a client without a connection.
func him() client.Client {
	return client.Client{Conn: -1, Peer: netip.MustParseAddrPort("192.0.2.1:1024")}
}

// ask finds out about a client.
func (f *fixture) ask(c client.Client) (q *Inquiry) {
	f.t.Helper()
	f.Ask(f.v, c, func(answer *Inquiry) { q = answer })
	f.finish()
	if q == nil {
		f.t.Fatal("there is no answer")
	}
	return q
}

// finish waits until no inquiry is under way.
func (f *fixture) finish() {
	f.t.Helper()
	f.mail.Until(func() bool { return f.Len() == 0 })
}

// TestAsk: what happens to a client: whether it is let in, which program is to be started
// in place of the server, and what the log says.
func TestAsk(t *testing.T) {
	t.Parallel()
	const who = "connection from 192.0.2.1, service one (tcp)"
	const letIn, refused = who + "\n", "refused " + who + ": "
	nothing := func(*fixture, *client.Client) {}
	builtin := func(f *fixture, _ *client.Client) { f.v.Do.Builtin = "echo" }
	for _, tt := range []struct {
		name             string
		config           plan.Config
		allow, deny, sec string
		set              func(*fixture, *client.Client)
		let              bool
		program          string // "": that of the service
		log              string // how its line begins; "": there is none
	}{
		{"no rules", wrapped, "", "", "", nothing, true, "", letIn},
		{"denied", wrapped, "", "ALL: ALL", "", nothing, false, "", refused + "DIR/deny:1: ALL: ALL (daemon echo, peer 192.0.2.1:1024)\n"},
		{"rules that are not asked", no, "", "ALL: ALL", "", nothing, true, "", ""},
		{"by the key wrap", no, "", "ALL: ALL", "", func(f *fixture, _ *client.Client) {
			f.v.Do.Keys = keysWith("wrap")
		}, false, "", refused + "DIR/deny:1: "},
		{"a builtin", internal, "", "ALL: ALL", "", builtin, false, "", refused + "DIR/deny:1: "},
		{"by inetd.sec", no, "", "", "one deny *", func(f *fixture, _ *client.Client) { f.Now.Secured = map[string]string{} }, false, "", refused + "DIR/sec:1: one deny * ("},
		{"by its official name", no, "", "", "uno deny *", func(f *fixture, _ *client.Client) { f.Now.Secured = map[string]string{f.v.Label: "uno"} }, false, "", refused + "DIR/sec:1: uno deny * ("},
		{"an inetd.sec that is new", no, "", "", "one deny *", nothing, true, "", ""},
		{"its name decides", no, "", "", "", func(f *fixture, c *client.Client) {
			c.Named, f.Now.Guards[f.v] = true, &access.Guard{Allow: access.Clients{Key: "allow", File: "inetd.conf", Line: 4, Names: []string{".example.test"}}}
		}, false, "", refused + "inetd.conf:4: allow: cannot be decided: "},
		{"its address was ruled upon", no, "", "", "", func(f *fixture, _ *client.Client) {
			f.Now.Guards[f.v] = &access.Guard{Allow: access.Clients{Key: "allow"}}
		}, true, "", ""},
		{"another umask", wrapped, "ALL: ALL: umask 0", "", "", nothing, true, "/bin/echo", letIn},
		{"another nice", wrapped, "ALL: ALL: nice 3", "", "", nothing, true, "/bin/echo", letIn},
		{"another environment", wrapped, "ALL: ALL: setenv A b", "", "", nothing, true, "/bin/echo", letIn},
		{"of a builtin", internal, "ALL: ALL: setenv A b", "", "", builtin, true, "", letIn},
		{"of who is passed on", wrapped, "ALL: ALL: setenv A b", "", "", func(f *fixture, _ *client.Client) {
			f.v.Do.Connect = conf.Place{Network: "tcp", Address: "127.0.0.1:9"}
		}, true, "", letIn},
		{"of who is refused", wrapped, "", "ALL: ALL: setenv A b", "", nothing, false, "", refused + "DIR/deny:1: "},
		{"a twist", wrapped, "", "ALL: ALL: twist echo %a", "", nothing, false, command.Shell, "twist 192.0.2.1 to echo 192.0.2.1, service one (tcp): DIR/deny:1: "},
		{"a twist of a builtin", internal, "ALL: ALL: twist echo %a", "", "", builtin, true, command.Shell, "twist 192.0.2.1 to echo 192.0.2.1, service one (tcp): DIR/allow:1: "},
		{"a program that cannot be made", wrapped, "ALL: ALL: setenv A b", "", "", func(f *fixture, _ *client.Client) { f.v.Do.Path = "a\x00b" }, false, "", refused + "DIR/allow:1: "},
		{"less urgent than the log", wrapped, "ALL: ALL: severity debug", "", "", nothing, true, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, f := him(), newFixture(t, tt.config)
			f.rules("allow", tt.allow)
			f.rules("deny", tt.deny)
			f.rules("sec", tt.sec)
			tt.set(f, &c)
			q, program := f.ask(c), ""
			if q.Program != nil {
				program = q.Program.Path()
			}
			if q.For != f.v || q.Client.Peer != c.Peer || q.Answer.Allow != tt.let || program != tt.program {
				t.Errorf("let in: %v, by program %q", q.Answer.Allow, program)
			}
			if log := f.said(); !strings.HasPrefix(log, tt.log) || strings.Count(log, "\n") != min(len(tt.log), 1) {
				t.Errorf("the log says %q, want %q", log, tt.log)
			}
		})
	}
}

// keysWith returns keys of which one is written in the entry.
func keysWith(key string) *conf.Keys {
	return &conf.Keys{Wrap: true, Options: []conf.Option{{Key: conf.Word{Text: key, Pos: conf.Pos{Line: 4}}}}}
}

// TestWants: there is an inquiry about every client of a service if rules are asked, or
// if the server is to be told names.
func TestWants(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		config  plan.Config
		builtin bool
		set     func(*fixture)
		want    bool
	}{
		{"nothing", no, false, func(*fixture) {}, false},
		{"hosts.allow", wrapped, false, func(*fixture) {}, true},
		{"hosts.allow of a builtin", wrapped, true, func(*fixture) {}, false},
		{"hosts.allow for builtins", internal, true, func(*fixture) {}, true},
		{"the key wrap", no, false, func(f *fixture) { f.v.Do.Keys = keysWith("wrap") }, true},
		{"names", no, false, func(f *fixture) { f.options.Resolve = true }, true},
		{"names for a builtin", no, true, func(f *fixture) { f.options.Resolve = true }, false},
		{"inetd.sec", no, true, func(f *fixture) { f.Now.Secured = map[string]string{} }, true},
	} {
		f := newFixture(t, tt.config)
		if tt.set(f); tt.builtin {
			f.v.Do.Builtin = "echo"
		}
		if got := f.Wants(f.v.Do); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestEach: the inquiry about a client is under way until the answer has come.
func TestEach(t *testing.T) {
	t.Parallel()
	f := newFixture(t, wrapped)
	under := func() (n int) {
		f.Each(func(v *table.Service, c client.Client) {
			if n++; v != f.v || c.Peer != him().Peer {
				t.Errorf("%s is asked about %v", v.Label, c.Peer)
			}
		})
		return n
	}
	f.Ask(f.v, him(), func(*Inquiry) {
		if n := under(); n != 0 {
			t.Errorf("%d are under way when the answer has come", n)
		}
	})
	if n := under(); n != 1 || f.Len() != 1 {
		t.Errorf("%d are under way, %d are counted", n, f.Len())
	}
	f.finish()
}

// TestRefused: the log has a client that is refused because of its address alone.
func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, no)
	net := prefix.New([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")})
	f.Refused(f.v, him(), &access.Guard{Deny: access.Clients{Key: "deny", File: "inetd.conf", Line: 9, Nets: net}})
	const want = "refused connection from 192.0.2.1, service one (tcp): inetd.conf:9: deny = 192.0.2.0/24 (daemon echo, peer 192.0.2.1:1024)\n"
	if log := f.said(); log != want {
		t.Errorf("the log says %q, want %q", log, want)
	}
}

// TestReadRules: mistakes in the files that a plan asks for are logged before the first
// client comes; those in other files are not.
func TestReadRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		config     plan.Config
		plan       plan.Plan
		hosts, sec bool // whether their mistakes are logged
	}{
		{"nothing", no, plan.Plan{}, false, false},
		{"-l", wrapped, plan.Plan{}, true, false},
		{"-W", internal, plan.Plan{}, true, false},
		{"the key wrap", no, plan.Plan{Wraps: true}, true, false},
		{"inetd.sec", no, plan.Plan{Secured: map[string]string{}}, false, true},
	} {
		f := newFixture(t, tt.config)
		f.rules("allow", "ALL")
		f.rules("sec", "one dney *")
		f.ReadRules(&tt.plan)
		log := f.said()
		if strings.Contains(log, "DIR/allow:1:") != tt.hosts || strings.Contains(log, "DIR/sec:1:") != tt.sec {
			t.Errorf("%s: the log says %q", tt.name, log)
		}
	}
}

// TestNames: a server is told the names that are known, if it is to be told names.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		named       bool
		local, peer string
		want        string
	}{
		{true, "here", "there", "TCPLOCALHOST=here TCPREMOTEHOST=there REMOTE_HOST=there "},
		{true, "here", "", "TCPLOCALHOST=here "},
		{true, "", "there", "TCPREMOTEHOST=there REMOTE_HOST=there "},
		{false, "here", "there", ""},
	} {
		q := &Inquiry{Answer: &wrap.Answer{}}
		q.Named, q.Answer.LocalName, q.Answer.PeerName = tt.named, tt.local, tt.peer
		if got := strings.ReplaceAll(string(q.AppendNames(nil)), "\x00", " "); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
		if got, want := q.KnowsPeer(), strings.Contains(tt.want, "there"); got != want {
			t.Errorf("%+v: the client's name is known: %v", tt, got)
		}
	}
	if (*Inquiry)(nil).KnowsPeer() {
		t.Error("a name is known without an inquiry")
	}
}

// TestPriority: a line has the priority of the rule; 0 is the most urgent one.
func TestPriority(t *testing.T) {
	t.Parallel()
	for severity, want := range map[int]syslog.Priority{-1: syslog.Info, 0: 0, 4: syslog.Warning} {
		q := &Inquiry{Answer: &wrap.Answer{Orders: wrap.Orders{Severity: severity}}}
		if got := q.priority(syslog.Info); got != want {
			t.Errorf("%d: %d, want %d", severity, got, want)
		}
	}
}

// inode is the number of the socket of a descriptor; 0: the descriptor is closed.
func inode(fd int) uint64 {
	var st unix.Stat_t
	_ = unix.Fstat(fd, &st)
	return st.Ino
}

// TestNoAnswer: a client whose inquiry hangs, or for whose inquiry there is no room, is
// refused, and its connection ends. An inquiry that hangs takes up room until it ends.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	const want = "refused connection from 192.0.2.1, service one (tcp): there is no answer; does a file system hang? (daemon echo, peer 192.0.2.1:1024)\n"
	for _, max := range []int{0, 1} {
		f, release := newFixture(t, wrapped), make(chan bool)
		f.rules("deny", "ALL: .example.test")
		f.Asker = wrap.NewAsker(&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			<-release
			return nil, errors.New("no name server")
		}})
		f.beside.Max, f.Max, f.beside.Limit = max, max, 0
		client, conn := socktest.Pair(t)
		c, was := him(), inode(conn)
		c.Conn = conn
		if q := f.ask(c); q.Answer.Allow {
			t.Error("let in")
		} else {
			unix.Close(q.Client.Conn)
		}
		if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("the connection is open: %d, %v", n, err)
		}
		if log := f.said(); log != want {
			t.Errorf("the log says %q", log)
		}
		if open := inode(conn) == was; open != (max > 0) || !f.Full() {
			t.Errorf("the inquiry's descriptor is open: %v; full: %v", open, f.Full())
		}
		close(release)
		f.mail.Until(func() bool { return f.beside.Stuck() == 0 })
		if inode(conn) == was {
			t.Error("the descriptor is open after the inquiry")
		}
	}
}
