package table

import (
	"net/netip"
	"slices"
	"testing"

	"inetd/internal/plan"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// made returns services made of a label, a program and addresses.
func made(entries ...[]string) (list []*Service) {
	for _, e := range entries {
		v := &Service{Label: e[0], Do: &Action{Action: &plan.Action{Path: e[1]}}}
		for _, addr := range e[2:] {
			v.Add(&Socket{Spec: sock.Spec{Family: unix.AF_INET, Addr: netip.MustParseAddrPort(addr)}, Service: v})
		}
		list = append(list, v)
	}
	return list
}

func TestCompare(t *testing.T) {
	t.Parallel()
	ftp := []string{"ftp/tcp", "/ftpd", "0.0.0.0:21"}
	telnet := []string{"telnet/tcp", "/telnetd", "0.0.0.0:23"}
	finger := []string{"finger/tcp", "/fingerd", "0.0.0.0:79", "127.0.0.1:79"}
	for _, tt := range []struct {
		name                    string
		old, now                []*Service
		added, changed, removed []string
		kept                    int
	}{
		{"nothing to nothing", nil, nil, nil, nil, nil, 0},
		{"the start", nil, made(ftp, telnet), []string{"ftp/tcp", "telnet/tcp"}, nil, nil, 0},
		{"nothing changed", made(ftp, telnet, finger), made(ftp, telnet, finger), nil, nil, nil, 3},
		{"another order", made(ftp, telnet), made(telnet, ftp), nil, nil, nil, 2},
		{"all gone", made(ftp, telnet), nil, nil, nil, []string{"ftp/tcp", "telnet/tcp"}, 0},
		{"one of each", made(ftp, telnet), made(finger, []string{"telnet/tcp", "/other", "0.0.0.0:23"}), []string{"finger/tcp"}, []string{"telnet/tcp"}, []string{"ftp/tcp"}, 0},
		{"a port moves", made(ftp), made([]string{"ftp/tcp", "/ftpd", "0.0.0.0:2121"}), nil, []string{"ftp/tcp"}, nil, 0},
		{"an address less", made(finger), made([]string{"finger/tcp", "/fingerd", "0.0.0.0:79"}), nil, []string{"finger/tcp"}, nil, 0},
		{"an address more", made(ftp), made([]string{"ftp/tcp", "/ftpd", "0.0.0.0:21", "0.0.0.0:2121"}), nil, []string{"ftp/tcp"}, nil, 0},
	} {
		got := Compare(tt.old, tt.now)
		if !slices.Equal(got.Added, tt.added) || !slices.Equal(got.Changed, tt.changed) || !slices.Equal(got.Removed, tt.removed) || got.Kept != tt.kept {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// TestCompareSameLabel: two entries may have one label, a service on two addresses.
func TestCompareSameLabel(t *testing.T) {
	t.Parallel()
	one := []string{"ftp/tcp", "/ftpd", "127.0.0.1:21"}
	two := []string{"ftp/tcp", "/other", "127.0.0.2:21"}
	three := []string{"ftp/tcp", "/third", "127.0.0.3:21"}
	if got := Compare(made(one, two), made(one, two)); got.Kept != 2 || len(got.Added)+len(got.Changed)+len(got.Removed) > 0 {
		t.Errorf("the same again: %+v", got)
	}
	if got := Compare(made(one, two), made(two)); got.Kept != 1 || !slices.Equal(got.Removed, []string{"ftp/tcp"}) || len(got.Added)+len(got.Changed) > 0 {
		t.Errorf("one removed: %+v", got)
	}
	if got := Compare(made(one, two), made(one, two, three)); got.Kept != 2 || !slices.Equal(got.Added, []string{"ftp/tcp"}) || len(got.Changed)+len(got.Removed) > 0 {
		t.Errorf("one added: %+v", got)
	}
}
