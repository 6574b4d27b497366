package handover

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"inetd/internal/demand"
	"inetd/internal/limit"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"
	"inetd/internal/status"

	"golang.org/x/sys/unix"
)

// whole returns a state with something in every part.
func whole() *State {
	now := time.Date(1999, time.January, 10, 12, 0, 0, 0, time.UTC)
	client := netip.MustParseAddrPort("192.0.2.7:4711")
	from := limit.Address(client.Addr())
	limits := &limit.Usage{}
	limits.Admit(now, from, limit.Limits{PerSource: 3})
	debts := &limit.Ledger{}
	debts.Punish(now, from, time.Hour, limit.Terms{Min: time.Second, Max: 2 * time.Hour})
	peer := Peer{Addr: client, Source: from}
	return &State{
		Process: Process{Program: "/usr/sbin/inetd", Directory: "/", Version: "1", PidFile: 3, Control: 4, Askers: []int{5}},
		Daemon:  Daemon{Begun: now, Loaded: now, Loads: 2, LogConnections: true, Known: []string{"/etc/inetd.conf"}},
		Actions: []json.RawMessage{json.RawMessage(`{"Action":{}}`)},
		Services: []Service{
			{Label: "echo/tcp", File: "/etc/inetd.conf", Line: 7, InForce: true, Shares: -1, Usage: &Usage{Limits: limits, Counts: status.Counts{Accepted: 9}, Suspended: true, Debts: debts}},
			{Label: "echo/tcp", Shares: 0},
		},
		Sockets: []Socket{
			{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.MustParseAddrPort("0.0.0.0:7")}, FD: 40},
			{Spec: sock.UnixSpec(unix.SOCK_STREAM, "/run/\xff"), FD: 41, Service: 1, File: sock.File{Device: 1, Inode: 2}},
			{Spec: sock.VsockSpec(unix.SOCK_STREAM, 9), FD: 42, Service: -1, Inherited: true},
			{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM}.OfProgram(100001), Closed: true},
		},
		Children: []Child{
			{PID: 501, Path: "/bin/cat", Begun: now.UnixNano(), Lent: -1, Session: -1, Peer: peer, Kill: now.Add(time.Minute)},
			{PID: 502, Service: 1, Lent: 3, Session: -1},
			{PID: 503, Lent: -1, Session: 0, Peer: peer, Kept: 46},
		},
		Sessions: []Session{{FD: 43, Client: client, Asked: client, Local: client, Taken: 5}},
		Talks:    []Talk{{Client: Client{FD: 44, Peer: peer}, Got: []byte("23 , 2"), Unsent: []byte("x\x00"), Until: now}},
		Clients:  []Client{{FD: 45, Service: 1, Session: -1, Peer: Peer{UID: 1000, PID: 99, Source: limit.User(1000)}}},
		Draining: []Draining{{FD: 47, Until: now}},
		Helpers:  []Child{{PID: 504, Service: 1, Path: "/proc/self/exe", Lent: -1, Session: -1}, {PID: 505, Service: 1, Lent: -1, Session: -1, Kill: now}},
		Demands: []Demand{
			{Service: 1, FD: 48, Relay: 504, Words: 49, Unsaid: [][]byte{{'o'}}, Trusts: true, Causes: true, Last: 7, In: 1, Out: 2, Retired: true,
				Clients: []Passenger{{ID: 7, Begun: 5, Counts: true, Source: peer.Source, From: " from somewhere"}},
				Server:  &Server{Machine: demand.Machine{Stage: demand.Ready, PID: 505}, Session: 505, Path: "/bin/x", User: 7, Words: 50, Ready: 51}},
			{Service: 0},
		},
		Registered: []rpcbind.Binding{{Program: 100001, Version: 2, Netid: "udp", Addr: client}},
	}
}

func encode(t testing.TB, s *State) []byte {
	t.Helper()
	text, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRoundTrip: every part of a state is read as it was written.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	text := encode(t, whole())
	got, err := Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, got); !bytes.Equal(again, text) {
		t.Errorf("after a round trip\n%s\nwant\n%s", again, text)
	}
	for i, k := range whole().Sockets {
		if got.Sockets[i].Spec != k.Spec {
			t.Errorf("socket %v, want %v", got.Sockets[i].Spec, k.Spec)
		}
	}
	fds := got.Descriptors()
	slices.Sort(fds)
	if want := []int{3, 4, 5, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51}; !slices.Equal(fds, want) {
		t.Errorf("descriptors %d, want %d", fds, want)
	}
}

// TestOtherPrograms: a newer program of the same version may have written more, an older
// one less.
func TestOtherPrograms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, err string }{
		{"newer", `{"Format":"inetd state","Version":1,"Relays":[1],"Process":{"Colour":"red"}}`, ""},
		{"older", `{"Format":"inetd state","Version":1}`, ""},
		{"another version", `{"Format":"inetd state","Version":2,"Process":[]}`, "the state has version 2, and this program understands 1"},
		{"an older version", `{"Format":"inetd state","Version":0}`, "the state has version 0, and this program understands 1"},
		{"another format", `{"Format":"xinetd","Version":1}`, "this is not the state of an inetd"},
		{"no text", "", "this is not the state of an inetd"},
		{"another stage", `{"Format":"inetd state","Version":1,"Demands":[{"Server":{"Machine":{"Stage":"asleep"}}}]}`, `the state of an inetd: "asleep" is no stage`},
		{"another shape", `{"Format":"inetd state","Version":1,"Sockets":7}`, "the state of an inetd: json: "},
	} {
		_, err := Decode([]byte(tt.text))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.err)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.err)
		}
	}
}

// TestCheck: a reference to nothing, or one descriptor for two things, is an error.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*State){
		"action":            func(s *State) { s.Services[0].Action = 1 },
		"usage of a later":  func(s *State) { s.Services[0].Shares = 1 },
		"usage of itself":   func(s *State) { s.Services[1].Shares = 1 },
		"no limits":         func(s *State) { s.Services[0].Usage.Limits = nil },
		"socket's service":  func(s *State) { s.Sockets[0].Service = 2 },
		"no service":        func(s *State) { s.Sockets[0].Service = -1 },
		"standard":          func(s *State) { s.Sockets[0].FD = 2 },
		"negative":          func(s *State) { s.Talks[0].FD = -1 },
		"twice":             func(s *State) { s.Clients[0].FD = s.Process.Control },
		"an asker's":        func(s *State) { s.Process.Askers = []int{40} },
		"neither":           func(s *State) { s.Sockets[2].FD = 0 },
		"child's service":   func(s *State) { s.Children[0].Service = -1 },
		"lent":              func(s *State) { s.Children[0].Lent = 4 },
		"lent and unwanted": func(s *State) { s.Children[0].Lent = 2 },
		"session":           func(s *State) { s.Children[0].Session = 1 },
		"two children":      func(s *State) { s.Children[1].PID = s.Children[0].PID },
		"no child":          func(s *State) { s.Children[1].PID = 0 },
		"session's socket":  func(s *State) { s.Sessions[0].Socket = -1 },
		"session unwanted":  func(s *State) { s.Sessions[0].Socket = 2 },
		"talk's service":    func(s *State) { s.Talks[0].Service = 9 },
		"client's session":  func(s *State) { s.Clients[0].Session = 1 },
		"two helpers":       func(s *State) { s.Helpers[0].PID = s.Children[0].PID },
		"helper's service":  func(s *State) { s.Helpers[0].Service = 2 },
		"demand's service":  func(s *State) { s.Demands[1].Service = -1 },
		"relay's end":       func(s *State) { s.Demands[1].FD = s.Demands[0].FD },
		"server's words":    func(s *State) { s.Demands[0].Server.Words = 2 },
		"client's service":  func(s *State) { s.Clients[0].Service = 9 },
	} {
		s := whole()
		spoil(s)
		if _, err := Decode(encode(t, s)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestLeftInMemory: the next program finds the state by the variable, which its children
// do not get.
func TestLeftInMemory(t *testing.T) {
	if s, err := Left(); s != nil || err != nil {
		t.Fatalf("left by nobody: %v, %v", s, err)
	}
	text := encode(t, whole())
	fd, err := Leave(text)
	if err != nil {
		t.Fatal(err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
		t.Errorf("descriptor flags %d, %v: an exec would close it", flags, err)
	}
	t.Setenv(Env, strconv.Itoa(fd))
	if !Waiting() {
		t.Error("nothing waits")
	}
	s, err := Left()
	if err != nil || s.Daemon.Loads != 2 {
		t.Errorf("left: %+v, %v", s, err)
	}
	if _, set := os.LookupEnv(Env); set {
		t.Errorf("%s is still set", Env)
	}
	t.Setenv(Env, "x")
	if _, err := Left(); err == nil {
		t.Error("no descriptor, and no error")
	}
}

// FuzzDecode: whatever the text, the result is an error or a state whose references hold.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, whole()))
	f.Add([]byte(`{"Format":"inetd state","Version":1}`))
	f.Add([]byte(`{"Format":"inetd state","Version":1,"Actions":[null],"Services":[{"Shares":-1,"Usage":{"Limits":{"Live":-1,"Tables":[{},{"Tallies":[{"Source":"1:32:1:0","Live":-2}]}]},"Debts":[{"Source":"9:1:1:1"}]}}]}`))
	f.Add([]byte(`{"Format":"inetd state","Version":1,"Sockets":[{"Spec":{"Family":1},"FD":9,"Service":-1,"Inherited":true}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Decode(text)
		if err != nil {
			return
		}
		for _, k := range s.Sockets {
			_ = k.Spec.String()
		}
		for _, p := range s.Children {
			_ = s.Services[p.Service].Label + p.Peer.Source.String()
		}
		if _, err := Decode(encode(t, s)); err != nil {
			t.Errorf("%v after a round trip of %q", err, text)
		}
	})
}
