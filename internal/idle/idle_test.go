package idle

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"inetd/internal/sockdiag"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }

func TestSettle(t *testing.T) {
	t.Parallel()
	local := netip.MustParseAddrPort
	conn := func(cookie uint64, sent, received time.Duration) sockdiag.Socket {
		return sockdiag.Socket{State: sockdiag.Established, Local: local("192.0.2.1:80"), Cookie: cookie, LastSent: sent, LastReceived: received}
	}
	for _, tt := range []struct {
		name    string
		clients Clients
		tcp     []sockdiag.Socket
		paths   map[string]bool
		over    bool
	}{
		{"nothing came or went", Clients{Cookie: 7, Local: local("192.0.2.1:80")}, []sockdiag.Socket{conn(7, 10*time.Second, 12*time.Second)}, nil, true},
		{"it was sent something", Clients{Cookie: 7, Local: local("192.0.2.1:80")}, []sockdiag.Socket{conn(7, 10*time.Second, 9*time.Second)}, nil, false},
		{"it has sent something", Clients{Cookie: 7, Local: local("192.0.2.1:80")}, []sockdiag.Socket{conn(7, 0, time.Minute)}, nil, false},
		{"its client is gone", Clients{Cookie: 7, Local: local("192.0.2.1:80")}, []sockdiag.Socket{conn(8, 0, 0)}, nil, true},
		{"nobody is connected", Clients{Local: local("192.0.2.1:80")}, nil, nil, true},
		{"somebody is connected", Clients{Local: local("192.0.2.1:80")}, []sockdiag.Socket{conn(7, time.Hour, time.Hour)}, nil, false},
		{"to another address", Clients{Local: local("192.0.2.2:80")}, []sockdiag.Socket{conn(7, 0, 0)}, nil, true},
		{"to another port", Clients{Local: local("192.0.2.1:81")}, []sockdiag.Socket{conn(7, 0, 0)}, nil, true},
		{"to any address", Clients{Local: local("0.0.0.0:80")}, []sockdiag.Socket{conn(7, 0, 0)}, nil, false},
		{"to any address of another family", Clients{Local: local("[::]:80")}, []sockdiag.Socket{conn(7, 0, 0)}, nil, true},
		{"to any address of both families", Clients{Local: local("[::]:80"), Dual: true}, []sockdiag.Socket{conn(7, 0, 0)}, nil, false},
		{"nobody at a path", Clients{Path: "/run/s"}, nil, map[string]bool{"/run/t": true}, true},
		{"somebody at a path", Clients{Path: "/run/s"}, nil, map[string]bool{"/run/s": true}, false},
		{"datagrams", Clients{}, []sockdiag.Socket{conn(7, 0, 0)}, nil, true},
	} {
		var w Watch
		w.Add(1, 10*time.Second, tt.clients, at(0))
		if over := w.Settle(tt.tcp, tt.paths, at(10)); slices.Equal(over, []int{1}) != tt.over {
			t.Errorf("%s: %v", tt.name, over)
		}
	}
}

// TestDue: the first question comes when a server may have been idle, and none before a
// quarter of the shortest limit has passed.
func TestDue(t *testing.T) {
	t.Parallel()
	var w Watch
	expect := func(now, want float64) {
		t.Helper()
		if got, ok := w.Due(at(now)); !ok || got != at(want) {
			t.Errorf("at %v: %v, %v, want %v", now, got.Sub(begin), ok, want)
		}
	}
	if _, ok := w.Due(begin); ok {
		t.Error("a question without a server")
	}
	w.Add(1, 100*time.Second, Clients{}, at(0))
	expect(0, 100)
	w.Add(2, 20*time.Second, Clients{}, at(10))
	expect(10, 30)
	w.Touch(2, at(25))
	w.Touch(2, at(20)) // it has been told something later
	w.Touch(3, at(25)) // nobody watches it
	expect(30, 45)
	expect(44, 49)
	w.Remove(2)
	expect(44, 100)
}

// TestAsks: one port is enough if all have it, and nothing is asked that nobody needs.
func TestAsks(t *testing.T) {
	t.Parallel()
	var w Watch
	expect := func(tcp bool, port uint16, unix bool) {
		t.Helper()
		if a, b, c := w.Asks(); a != tcp || b != port || c != unix {
			t.Errorf("%v %v %v, want %v %v %v", a, b, c, tcp, port, unix)
		}
	}
	w.Add(1, time.Second, Clients{}, begin)
	expect(false, 0, false)
	w.Add(2, time.Second, Clients{Cookie: 1, Local: netip.MustParseAddrPort("192.0.2.1:80")}, begin)
	w.Add(3, time.Second, Clients{Local: netip.MustParseAddrPort("[::]:80")}, begin)
	expect(true, 80, false)
	w.Add(4, time.Second, Clients{Path: "/run/s"}, begin)
	expect(true, 80, true)
	w.Add(5, time.Second, Clients{Local: netip.MustParseAddrPort("[::]:81")}, begin)
	expect(true, 0, true)
}
