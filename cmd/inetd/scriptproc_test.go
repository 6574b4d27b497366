package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
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

// sockets lists the daemon's internet sockets that clients can reach.
func (d *testDaemon) sockets(ts *script) []string {
	held := d.inodes(ts)
	var list []string
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", d.pid, table))
		if err != nil && strings.HasSuffix(table, "6") {
			continue // a kernel without IPv6
		}
		ts.Check(err)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			const listening = "0A"
			if len(f) < 10 || !held[f[9]] || table[:3] == "tcp" && f[3] != listening {
				continue
			}
			list = append(list, fmt.Sprintf("%s %s %s", table[:3], kernelAddress(ts, f[1]), f[9]))
		}
	}
	slices.Sort(list)
	return list
}

// inodes returns the inodes of the daemon's sockets.
func (d *testDaemon) inodes(ts *script) map[string]bool {
	dir := fmt.Sprintf("/proc/%d/fd/", d.pid)
	open, err := os.ReadDir(dir)
	ts.Check(err)
	held := map[string]bool{}
	for _, e := range open {
		target, _ := os.Readlink(dir + e.Name())
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			held[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return held
}

// kernelAddress reads an address as /proc/net shows it: words of 32 bits in the
// machine's byte order, and the port.
func kernelAddress(ts *script, s string) netip.AddrPort {
	words, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(words)
	ts.Check(err)
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, _ := netip.AddrFromSlice(b)
	n, err := strconv.ParseUint(port, 16, 16)
	ts.Check(err)
	return netip.AddrPortFrom(addr, uint16(n))
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
