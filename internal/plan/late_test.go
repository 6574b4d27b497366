package plan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"inetd/internal/hosts"
)

// lookup knows an address of good.example and that gone.example does not exist. For
// other hosts no name server answers.
func lookup(_ context.Context, _, name string) ([]netip.Addr, error) {
	switch name {
	case "good.example":
		return []netip.Addr{netip.MustParseAddr("127.0.0.2")}, nil
	case "gone.example":
		return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
	}
	return nil, errors.New("i/o timeout")
}

func lines(problems []Problem) (list []string) {
	for _, p := range problems {
		list = append(list, p.Severity.String()+": "+p.LogLine())
	}
	return list
}

// loadText loads a configuration whose hosts ask looks up.
func loadText(t *testing.T, ask hosts.Lookup, text string) *Plan {
	t.Helper()
	path := write(t, filepath.Join(t.TempDir(), "f"), text)
	c := checkConfig(path)
	p := Load(&c, &Host{Hosts: hosts.New(ask), Getent: noGetent})
	if p.Err != nil {
		t.Fatal(p.Err)
	}
	for i := range p.Problems {
		p.Problems[i].Pos.File = filepath.Base(path)
	}
	return p
}

// TestHostsAreReportedOnce: a host is reported once, where it is written first, and as a
// warning if every entry that names it has another address.
func TestHostsAreReportedOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"gone.example:1 stream tcp nowait - internal echo\n",
			`error: 1/tcp: unknown host "gone.example" (f:1:1); it will be tried again`},
		{"gone.example,gone.example:1 stream tcp nowait - internal echo\n",
			`error: 1/tcp: unknown host "gone.example" (f:1:1); it will be tried again`},
		{"gone.example:100400/1 stream rpc/tcp,tcp6 wait - /bin/true true\n",
			`error: 100400/rpc/tcp: unknown host "gone.example" (f:1:1); it will be tried again`},
		{"good.example:1 stream tcp nowait - internal echo\n", ""},
		{"silent.example:1 stream tcp nowait - internal echo\nsilent.example:2 stream tcp nowait - internal echo\n",
			`error: 1/tcp: no name server answers for host "silent.example" (f:1:1; more than one entry names it); it will be tried again`},
		{"127.0.0.1,silent.example:1 stream tcp nowait - internal echo\n",
			`warning: 1/tcp: no name server answers for host "silent.example" (f:1:1); it will be tried again`},
		{"127.0.0.1,silent.example:1 stream tcp nowait - internal echo\nsilent.example:2 stream tcp nowait - internal echo\n",
			`error: 1/tcp: no name server answers for host "silent.example" (f:1:1; more than one entry names it); it will be tried again`},
		{"silent.example:\n1 stream tcp nowait - internal echo\n2 stream tcp nowait - internal echo\n",
			`error: f:1:1: no name server answers for host "silent.example"; more than one entry names it; it will be tried again`},
	} {
		p := loadText(t, lookup, tt.text)
		if got := strings.Join(lines(p.Problems), "\n"); got != tt.want {
			t.Errorf("%s\n%s\nwant\n%s", tt.text, got, tt.want)
		}
		if waits := p.Late != nil; waits != (tt.want != "") {
			t.Errorf("%s waits: %v", tt.text, waits)
		}
	}
}

// TestDefaultHostIsReportedOnce: an unknown host of option -a is a problem of the option.
func TestDefaultHostIsReportedOnce(t *testing.T) {
	t.Parallel()
	c := checkConfig(write(t, filepath.Join(t.TempDir(), "f"), "1 stream tcp nowait - internal echo\n2 stream tcp nowait - internal echo\n"))
	c.Bind = "gone.example"
	got := lines(Load(&c, &Host{Hosts: hosts.New(lookup), Getent: noGetent}).Problems)
	want := []string{`error: -a:1:1: unknown host "gone.example"; more than one entry names it; it will be tried again`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestHostsAreAskedOnce: each host is looked up once, and all hosts at the same time.
func TestHostsAreAskedOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	both := make(chan struct{})
	p := loadText(t, func(ctx context.Context, network, name string) ([]netip.Addr, error) {
		if asked.Add(1) == 2 {
			close(both)
		}
		<-both // answers only when both hosts have been asked for
		return lookup(ctx, network, "good.example")
	}, strings.Repeat("a.example,b.example:1 stream tcp nowait - internal echo\n", 3))
	if n := asked.Load(); n != 2 || p.Sockets() == 0 {
		t.Errorf("%d questions, %d sockets", n, p.Sockets())
	}
}

// TestHostKeepsItsAddresses: when name servers no longer answer for a host, its service
// stays at the old addresses, until one says that the host does not exist.
func TestHostKeepsItsAddresses(t *testing.T) {
	t.Parallel()
	const entry = "good.example:1 stream tcp nowait - internal echo\n"
	as := "good.example"
	addresses := hosts.New(func(ctx context.Context, network, _ string) ([]netip.Addr, error) { return lookup(ctx, network, as) })
	addresses.Of("good.example")
	addresses.AwaitAll()
	for name, tt := range map[string]struct {
		as      string
		sockets int
		want    []string
	}{
		"known":   {"good.example", 1, nil},
		"silent":  {"silent.example", 1, []string{`warning: 1/tcp: no name server answers for host "good.example" (F:1:1); it will be tried again`}},
		"unknown": {"gone.example", 0, []string{`error: 1/tcp: unknown host "good.example" (F:1:1); it will be tried again`}},
	} {
		as = tt.as
		later := addresses.Renew()
		later.Of("good.example")
		later.AwaitAll()
		path := write(t, filepath.Join(t.TempDir(), "F"), entry)
		c := checkConfig(path)
		p := Load(&c, &Host{Hosts: later})
		got := lines(p.Problems)
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], path, "F")
		}
		if p.Sockets() != tt.sockets || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %d sockets, %q, want %d, %q", name, p.Sockets(), got, tt.sockets, tt.want)
		}
	}
}

// TestNews: only differences are told, and a plan that lacks something is not used.
func TestNews(t *testing.T) {
	t.Parallel()
	problem := func(line int, c cause, text string) Problem {
		p := Problem{label: "a", cause: c}
		p.Pos.Line, p.Text = line, text
		return p
	}
	user, host := problem(1, missing, "unknown user, service ignored"), problem(2, asking, "waiting")
	silent, program, hint := problem(2, missing, "no name server"), problem(3, served, "no program"), problem(4, lasting, "hint")
	late := &Late{problems: []Problem{user, host, program, hint}}
	for name, tt := range map[string]struct {
		now, passed, fresh []Problem
		ok                 bool
	}{
		"as before":          {[]Problem{user, host, program, hint}, nil, nil, true},
		"all works":          {nil, []Problem{user, host, program}, nil, true},
		"answered with no":   {[]Problem{user, silent, program, hint}, nil, []Problem{silent}, true},
		"another cause":      {[]Problem{problem(1, missing, "unknown group"), host, program}, nil, nil, true},
		"a new hint":         {[]Problem{user, host, program, problem(1, lasting, "runs as root")}, nil, []Problem{problem(1, lasting, "runs as root")}, true},
		"one more is gone":   {[]Problem{user, host, program, problem(5, missing, "unknown user")}, nil, nil, false},
		"a served one is":    {[]Problem{problem(3, missing, "unknown user")}, nil, nil, false},
		"a program went":     {[]Problem{user, host, program, problem(5, served, "no program")}, nil, []Problem{problem(5, served, "no program")}, true},
		"hints are not told": {[]Problem{user, host, program, func() Problem { p := hint; p.Hint = "other"; return p }()}, nil, nil, true},
	} {
		passed, fresh, ok := late.News(&Plan{Problems: tt.now})
		if !slices.Equal(passed, tt.passed) || !slices.Equal(fresh, tt.fresh) || ok != tt.ok {
			t.Errorf("%s: %q, %q, %v", name, lines(passed), lines(fresh), ok)
		}
	}
	if got := user.Passed(); got != "a: works now; it was: unknown user (:1)" {
		t.Error(got)
	}
}

// TestLateBesideUnusableFile: the entries of one file are tried again even if another
// file cannot be used.
func TestLateBesideUnusableFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, host := range []string{"gone.example", "silent.example"} {
		good := write(t, filepath.Join(dir, host), host+":1 stream tcp nowait - internal echo\n")
		c := checkConfig(good)
		c.Files = append(c.Files, write(t, filepath.Join(dir, "zeroed"), strings.Repeat("\x00", 80)))
		p := Load(&c, &Host{Hosts: hosts.New(lookup), Getent: noGetent})
		if p.Err == nil || p.Late == nil {
			t.Fatalf("%s: err %v, late %v", host, p.Err, p.Late)
		}
		late := p.Late
		p = Load(&c, &Host{Hosts: hosts.New(func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.3")}, nil
		}), Getent: noGetent, Late: late})
		if passed, _, ok := late.News(p); !ok || len(passed) != 1 || len(p.Services) != 1 {
			t.Errorf("%s: the next try: usable %v, passed %v, %d services, err %v", host, ok, lines(passed), len(p.Services), p.Err)
		}
	}
}
