package main

import (
	"bytes"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// FuzzRequest: only an exact request makes the control socket do anything. There is no
// server behind it here.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{"", "\n", "reload", "reload\r\n", "RELOAD\n", "reload \n", strings.Repeat("x", 100) + "\nreload\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		if bytes.HasPrefix(request, []byte(reloadRequest+"\n")) || bytes.HasPrefix(request, []byte(upgradeRequest+"\n")) || bytes.HasPrefix(request, []byte(statusRequest)) || len(request) > 64<<10 {
			t.Skip("the request itself, or more than a socket takes")
		}
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		client, server := unixConn(t, fds[0]), unixConn(t, fds[1])
		defer client.Close()
		if _, err := client.Write(request); err != nil {
			t.Fatal(err)
		}
		if err := client.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		(&control{}).converse(server, nil, nil)
		if n, _ := client.Read(make([]byte, 1)); n > 0 {
			t.Errorf("%q has an answer", request)
		}
	})
}

func unixConn(t *testing.T, fd int) *net.UnixConn {
	t.Helper()
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return conn.(*net.UnixConn)
}

// FuzzAnswer: whatever a daemon answers, inetd -c ends with a status or an
// error, and has no status without a line that gives one.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"", "status 0\n", "added    ftp/tcp\nstatus 1\n", "status\n", "status 0", "status 00\n", "x\nstatus 7\nstatus 0\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		var out bytes.Buffer
		status, err := toReload.printAnswer(bytes.NewReader(answer), 1, &out)
		told := bytes.Contains(append([]byte("\n"), answer...), []byte("\n"+statusLine))
		if err == nil && (!told || status != 0 && status != 1) || status == 0 && err == nil && !bytes.Contains(answer, []byte(statusLine+"0\n")) {
			t.Errorf("%q is status %d, %v", answer, status, err)
		}
	})
}

// FuzzListenFDs: whatever LISTEN_FDS and LISTEN_PID hold, they give descriptors from 3 on
// without a gap, and none that are meant for another process.
func FuzzListenFDs(f *testing.F) {
	own := strconv.Itoa(os.Getpid())
	for _, fds := range []string{"", "0", "1", "-1", "3", "+2", "1e3", "99999999999999999999", "2147483647"} {
		f.Add(fds, "")
		f.Add(fds, own+"0")
	}
	f.Fuzz(func(t *testing.T, fds, pid string) {
		if strings.ContainsRune(fds+pid, 0) {
			t.Skip("no environment holds this")
		}
		own := strconv.Itoa(os.Getpid())
		if pid == "" {
			pid = own
		}
		t.Setenv("LISTEN_FDS", fds)
		t.Setenv("LISTEN_PID", pid)
		list := inherited()
		if n, err := strconv.Atoi(fds); len(list) > 0 && (pid != own || err != nil || len(list) > n) {
			t.Errorf("LISTEN_FDS=%q LISTEN_PID=%q gives %v", fds, pid, list)
		}
		for i, fd := range list {
			if fd != firstFD+i { // other tests may have opened or closed it meanwhile
				t.Errorf("descriptor %d of %q is %d", i, fds, fd)
			}
		}
	})
}

// FuzzNotify: whatever NOTIFY_SOCKET and the variables of the watchdog hold,
// nothing blocks or ends the daemon.
func FuzzNotify(f *testing.F) {
	for _, s := range []string{"", "@", "@x", "socket", "vsock:1:2", strings.Repeat("x", 200), "\xff"} {
		f.Add(s, "30000000")
	}
	f.Add("@x", "-1")
	f.Add("@x", "99999999999999999999")
	f.Fuzz(func(t *testing.T, socket, watchdog string) {
		if strings.ContainsRune(socket+watchdog, 0) || strings.Contains(socket, "/") || strings.HasPrefix(socket, "@") && len(socket) > 2 {
			t.Skip("no environment holds this, or it may be the socket of somebody")
		}
		t.Chdir(t.TempDir())
		t.Setenv("NOTIFY_SOCKET", socket)
		t.Setenv("WATCHDOG_USEC", watchdog)
		t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
		if sent, err := daemon.SdNotify(false, daemon.SdNotifyReady); sent && err != nil {
			t.Errorf("%q: sent, and %v", socket, err)
		}
		if d, err := daemon.SdWatchdogEnabled(false); err != nil && d != 0 {
			t.Errorf("%q: the watchdog wants %v, and %v", watchdog, d, err)
		}
	})
}
