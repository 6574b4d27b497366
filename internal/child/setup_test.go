package child

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// everything is a Setup with nearly every part, which only a root daemon may give.
func everything() Setup {
	u := Setup{
		Nice: 3, IOPriority: 2<<13 | 6, CPUs: []int{anyCPU()}, HasUmask: true, Umask: 0o027, Root: "/", Directory: "/usr",
		NoNewPrivs: true, Capabilities: 1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_NET_RAW,
	}
	for _, r := range []int{unix.RLIMIT_AS, unix.RLIMIT_CORE, unix.RLIMIT_CPU, unix.RLIMIT_DATA, unix.RLIMIT_FSIZE,
		unix.RLIMIT_MEMLOCK, unix.RLIMIT_NOFILE, unix.RLIMIT_NPROC, unix.RLIMIT_RSS, unix.RLIMIT_STACK} {
		u.Limits = append(u.Limits, limitOf(r))
	}
	return u
}

// anyCPU returns a CPU that this process may run on.
func anyCPU() (n int) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0
	}
	for !set.IsSet(n) {
		n++
	}
	return n
}

// limitOf returns a limit that no other resource has and that is below the daemon's.
func limitOf(resource int) Limit {
	soft, own := uint64(1<<30+resource<<20), syscall.Rlimit{}
	if err := syscall.Getrlimit(resource, &own); err == nil && own.Max < 2*soft {
		soft = own.Max / 2
	}
	return Limit{resource, soft, min(soft+1, own.Max)}
}

func limitText(resource int) string {
	l := limitOf(resource)
	return fmt.Sprintf("%d +%d ", l.Soft, l.Hard)
}

// said runs a program and returns what it writes to its two outputs.
func (h harness) said(c Command) (stdout, stderr string) {
	h.Helper()
	server, client := h.connect()
	errServer, errClient := h.connect()
	defer client.Close()
	defer errClient.Close()
	if _, err := h.Start(h.prepare(c), server, errServer, nil); err != nil {
		h.Fatal(err)
	}
	if st := h.await(); st.Stage != Run || st.Wait != 0 {
		h.Fatalf("%+v", st)
	}
	h.Settle(time.Second)
	out, err := io.ReadAll(client)
	more, errErr := io.ReadAll(errClient)
	if err != nil || errErr != nil {
		h.Fatal(err, errErr)
	}
	return string(out), string(more)
}

// TestSetup: what the kernel says of a server is what was asked for. With
// everything there are several times as many calls as with nothing.
func TestSetup(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h := cloning(t)
	nice := niceValue(3)
	nobody := &Credential{UID: 65534, GID: 65534, Groups: []uint32{65534}}
	for _, crowded := range []bool{false, true} {
		h.crowded = crowded
		text, _ := h.said(Command{
			Path: "/bin/sh", Argv: []string{"sh", "-c", "cat /proc/self/limits /proc/self/status; cut -d' ' -f19 /proc/self/stat; pwd"},
			Env: []string{"PATH=/bin:/usr/bin"}, Cred: nobody, Setup: everything(),
		})
		for _, want := range []string{
			`Max address space +` + limitText(unix.RLIMIT_AS), `Max core file size +` + limitText(unix.RLIMIT_CORE),
			`Max cpu time +` + limitText(unix.RLIMIT_CPU), `Max data size +` + limitText(unix.RLIMIT_DATA),
			`Max file size +` + limitText(unix.RLIMIT_FSIZE), `Max locked memory +` + limitText(unix.RLIMIT_MEMLOCK),
			`Max open files +` + limitText(unix.RLIMIT_NOFILE), `Max processes +` + limitText(unix.RLIMIT_NPROC),
			`Max resident set +` + limitText(unix.RLIMIT_RSS), `Max stack size +` + limitText(unix.RLIMIT_STACK),
			`Umask:\s0027`, `Cpus_allowed_list:\s` + fmt.Sprint(anyCPU()) + `$`, `NoNewPrivs:\s1`, `CapInh:\s0{12}2400`, `CapPrm:\s0{12}2400`, `CapEff:\s0{12}2400`, `CapAmb:\s0{12}2400`,
			`Uid:\s65534\s65534\s65534\s65534`, `Groups:\s65534 `, fmt.Sprint(nice), `/usr`,
		} {
			if !regexp.MustCompile(`(?m)^` + want).MatchString(text) {
				t.Errorf("crowded %v: no %s in\n%s", crowded, want, text)
			}
		}
	}
	if now := niceValue(3); now != nice {
		t.Errorf("the daemon's nice value is %d, and was %d", now, nice)
	}
}

func TestSetupIOPriority(t *testing.T) {
	h := cloning(t)
	const lowest = 2<<13 | 7
	out, _ := h.said(Command{Argv: []string{"t-ioprio"}, Setup: Setup{IOPriority: lowest}})
	if want := fmt.Sprint(lowest); out != want {
		t.Errorf("%s, want %s", out, want)
	}
}

// reportIOPriority is a server that writes its I/O priority.
func reportIOPriority() {
	got, _, _ := unix.Syscall(unix.SYS_IOPRIO_GET, 1, 0, 0)
	fmt.Print(got)
}

// TestSetupRoot: the program is looked for under the new root.
func TestSetupRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h := cloning(t)
	_, client := h.start(h.prepare(Command{Path: "/bin/true", Argv: []string{"true"}, Setup: Setup{Root: t.TempDir()}}), "")
	defer client.Close()
	if st := h.await(); st.Stage != Exec || st.Errno != syscall.ENOENT {
		t.Errorf("%+v, want no program", st)
	}
	// The new root may be the old one; the working directory is that of the test.
	_, client = h.start(h.prepare(Command{Path: "/bin/pwd", Argv: []string{"pwd", "-P"}, Setup: Setup{Root: "/"}}), "")
	defer client.Close()
	if st := h.await(); st.Stage != Run || st.Wait != 0 {
		t.Fatalf("%+v", st)
	}
	h.Settle(10 * time.Second)
	if dir, err := io.ReadAll(client); string(dir) != "/\n" || err != nil {
		t.Errorf("working directory %q, %v: it may be outside of the root", dir, err)
	}
}

// TestSetupDirectory: the working directory is entered with the daemon's rights, even if
// the server's user may not enter it.
func TestSetupDirectory(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	h := cloning(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	nobody := &Credential{UID: 65534, GID: 65534}
	_, client := h.start(h.prepare(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "! test -r ."}, Cred: nobody, Setup: Setup{Directory: dir}}), "")
	defer client.Close()
	if st := h.await(); st.Stage != Run || st.Wait != 0 {
		t.Errorf("%+v", st)
	}
}

// TestSetupFails: each part that fails names its stage, and the server never runs.
func TestSetupFails(t *testing.T) {
	h := cloning(t)
	root := os.Getuid() == 0
	for _, tt := range []struct {
		stage Stage
		root  bool
		errno syscall.Errno
		setup Setup
	}{
		{Limits, false, syscall.EINVAL, Setup{Limits: []Limit{{unix.RLIMIT_CORE, 2, 1}}}},
		{Limits, false, syscall.EINVAL, Setup{Limits: []Limit{{unix.RLIMIT_CORE, 0, 0}, {99, 0, 0}}}},
		{IOPriority, false, syscall.EINVAL, Setup{IOPriority: 7 << 13}},
		{CPUs, false, syscall.EINVAL, Setup{CPUs: []int{1023}}},
		{Root, true, syscall.ENOENT, Setup{Root: "/nonexistent"}},
		{Directory, false, syscall.ENOENT, Setup{Directory: "/nonexistent"}},
		{Capabilities, true, syscall.EINVAL, Setup{Capabilities: 1 << 62}},
	} {
		if tt.root && !root {
			continue
		}
		c := Command{Argv: []string{"t-report"}, Setup: tt.setup}
		if root && tt.setup.Capabilities != 0 {
			c.Cred = &Credential{UID: 12345, GID: 12345}
		}
		_, client := h.start(h.prepare(c), "")
		if st := h.await(); st.Stage != tt.stage || st.Errno != tt.errno {
			t.Errorf("%+v: %v, %v; want %v, %v", tt.setup, st.Stage, st.Errno, tt.stage, tt.errno)
		}
		if out, _ := io.ReadAll(client); len(out) > 0 {
			t.Errorf("%+v: the server ran: %q", tt.setup, out)
		}
		client.Close()
	}
}

func TestSetupRefused(t *testing.T) {
	h := newHarness(t, newForking)
	if _, err := h.tryPrepare(Command{Argv: []string{"x"}, Setup: Setup{NoNewPrivs: true}}); err == nil || !strings.Contains(err.Error(), "clone3") {
		t.Errorf("without clone3: %v", err)
	}
	h.fork = false
	for _, u := range []Setup{{Root: "/\x00"}, {Directory: "\x00"}, {CPUs: []int{-1}}, {CPUs: []int{1 << 20}}, {Capabilities: 1}} {
		if _, err := h.tryPrepare(Command{Argv: []string{"x"}, Setup: u}); err == nil {
			t.Errorf("%+v was accepted", u)
		}
	}
}

// TestNothingAskedFor: a server that asks for nothing costs these calls and no
// more.
func TestNothingAskedFor(t *testing.T) {
	t.Parallel()
	plain := []uintptr{unix.SYS_DUP3, unix.SYS_DUP3, unix.SYS_DUP3, unix.SYS_CLOSE_RANGE, unix.SYS_SETSID,
		unix.SYS_SETGROUPS, unix.SYS_SETGID, unix.SYS_SETUID, unix.SYS_PRLIMIT64, unix.SYS_EXECVE}
	for m, want := range map[mode][]uintptr{
		low:    plain,
		high:   slices.Insert(slices.Clone(plain), 4, unix.SYS_CLOSE_RANGE),
		shared: append([]uintptr{unix.SYS_CLOSE_RANGE, unix.SYS_FUTEX}, plain...),
	} {
		sc, err := newScript(m, 63, &Credential{UID: 1, GID: 1}, &Setup{})
		if err != nil {
			t.Fatal(err)
		}
		var got []uintptr
		for _, c := range sc.calls {
			got = append(got, c.nr)
		}
		if !slices.Equal(got, want) {
			t.Errorf("mode %d: calls %d, want %d", m, got, want)
		}
	}
}

// TestStderr: standard error may be another descriptor than standard output, and
// the daemon keeps neither.
func TestStderr(t *testing.T) {
	bothWays(t, func(h harness) {
		for _, crowded := range []bool{false, true} {
			h.crowded = crowded
			before := descriptors()
			out, stderr := h.said(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "echo out; echo err >&2"}})
			if out != "out\n" || stderr != "err\n" {
				h.Errorf("crowded %v: %q and %q", crowded, out, stderr)
			}
			if after := descriptors(); after != before {
				h.Errorf("crowded %v: %d descriptors, %d before", crowded, after, before)
			}
		}
	})
}

// TestStderrOfListener: a server started as systemd does it keeps its standard error when
// descriptors 0 and 1 become /dev/null.
func TestStderrOfListener(t *testing.T) {
	h := cloning(t)
	p := h.prepare(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", "echo out; echo err >&2; echo $LISTEN_PID = $$ >&3"}})
	p.Listen = true
	server, client := h.connect()
	errServer, errClient := h.connect()
	defer client.Close()
	defer errClient.Close()
	pid, err := h.Start(p, server, errServer, nil)
	if err != nil {
		t.Fatal(err)
	}
	if st := h.await(); st.Stage != Run || st.Wait != 0 {
		t.Fatalf("%+v", st)
	}
	out, _ := io.ReadAll(client)
	stderr, _ := io.ReadAll(errClient)
	if want := fmt.Sprintf("%d = %d\n", pid, pid); string(out) != want || string(stderr) != "err\n" {
		t.Errorf("%q and %q, want %q and err", out, stderr, want)
	}
}
