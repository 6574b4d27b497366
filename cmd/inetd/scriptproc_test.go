package main

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// cmdSockets asks the kernel, so that a socket that was closed and opened again can be told
// from one that stayed open: it has another inode.
func cmdSockets(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, _ := daemonOf(ts, args)
	for _, s := range d.sockets(ts) {
		fmt.Fprintln(ts.Stdout(), s)
	}
}

// cmdPortAt sets a variable to the port of the daemon's only socket at an address.
func cmdPortAt(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, args := daemonOf(ts, args)
	for _, s := range d.sockets(ts) {
		at, err := netip.ParseAddrPort(strings.Fields(s)[1])
		ts.Check(err)
		if at.Addr().String() == args[1] {
			ts.Setenv(args[0], strconv.Itoa(int(at.Port())))
			return
		}
	}
	ts.Fatalf("no socket at %s", args[1])
}

// sockets lists the daemon's internet sockets that clients can reach. It asks sock_diag, as
// /proc/net shows a socket twice, or not at all, if others come or go meanwhile.
func (d *testDaemon) sockets(ts *script) []string {
	held := sockdiag.Inodes(d.pid)
	var list []string
	for _, of := range []struct {
		name     string
		protocol uint8
		states   []sockdiag.State
	}{
		{"tcp", unix.IPPROTO_TCP, []sockdiag.State{sockdiag.Listen}},
		{"udp", unix.IPPROTO_UDP, []sockdiag.State{sockdiag.Close}}, // connected is that of one client
	} {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			found, err := sockdiag.Dump(sockdiag.Query{Family: family, Protocol: of.protocol, States: of.states})
			if family == unix.AF_INET { // a kernel may be without IPv6
				ts.Check(err)
			}
			for _, s := range found {
				if held[s.Inode] {
					list = append(list, fmt.Sprint(of.name, " ", s.Local, " ", s.Inode))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// cmdCount counts what the daemon has under /proc. With a file it counts again until there
// is no more than the file says, since nobody tells when the daemon has closed everything.
func cmdCount(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, args := daemonOf(ts, args)
	count := func() int {
		e, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", d.pid, args[0]))
		ts.Check(err)
		return len(e)
	}
	if len(args) == 1 {
		fmt.Fprintln(ts.Stdout(), count())
		return
	}
	most, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	for deadline := time.Now().Add(patience); count() > most; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%d in %s, not %d", count(), args[0], most)
		}
	}
}

// cmdChildren looks again and again, because nobody tells when a child of another process
// has gone.
func cmdChildren(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d, args := daemonOf(ts, args)
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	deadline := time.Now().Add(patience)
	for {
		got, err := children(d.pid)
		ts.Check(err)
		if len(got) == want {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%d children, not %d: %q", len(got), want, got)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// children returns the names and states of a process's children, zombies included.
func children(parent int) (found []string, err error) {
	all, err := os.ReadDir("/proc")
	for _, e := range all {
		text, _ := os.ReadFile("/proc/" + e.Name() + "/stat")
		// The name, in brackets, may hold anything.
		i, j := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
		if i < 0 {
			continue
		}
		if f := strings.Fields(string(text[j+1:])); f[1] == strconv.Itoa(parent) {
			found = append(found, string(text[i:j+1])+" "+f[0])
		}
	}
	return found, err
}
