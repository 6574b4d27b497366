package child

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// observeListener is a server started as systemd does it. It writes what it sees to
// descriptor 3.
func observeListener() {
	r := listenerReport{Pid: os.Getpid(), ListenPid: os.Getenv("LISTEN_PID"), LastVar: os.Environ()[len(os.Environ())-2]}
	for fd := range 1000 {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			target, _ := os.Readlink(fmt.Sprint("/proc/self/fd/", fd))
			r.Descriptors = append(r.Descriptors, fmt.Sprint(fd, " ", strings.TrimRight(target, "[0123456789]")))
		}
	}
	json.NewEncoder(os.NewFile(listenFD, "socket")).Encode(r)
}

type listenerReport struct {
	Pid                int
	ListenPid, LastVar string
	Descriptors        []string
}

func TestListen(t *testing.T) {
	h := cloning(t)
	command := Command{Argv: []string{"t-listen"}, Env: []string{"A=1"}}
	if os.Getuid() == 0 { // also after setuid it must learn its id
		command.Path = filepath.Join(t.TempDir(), "server")
		copyFile(t, "/proc/self/exe", command.Path)
		command.Cred = &Credential{UID: 12345, GID: 12345}
	}
	for _, crowded := range []bool{false, true} {
		h.crowded = crowded
		p := h.prepare(command)
		p.Listen = true
		clients := map[int]*os.File{}
		for range 20 { // each has to find its own id
			pid, client := h.start(p, "LISTEN_FDS=1\x00")
			defer client.Close()
			clients[pid] = client
		}
		h.Settle(10 * time.Second)
		for pid, client := range clients {
			var r listenerReport
			if err := json.NewDecoder(client).Decode(&r); err != nil {
				t.Fatal(err, h.await())
			}
			if r.Pid != pid || r.ListenPid != fmt.Sprint(pid) || r.LastVar != "LISTEN_FDS=1" {
				t.Errorf("crowded %v: process %d: %+v", crowded, pid, r)
			}
			want := []string{"0 /dev/null", "1 /dev/null", "2 /dev/null", "3 socket:"}
			if !slices.Equal(r.Descriptors, want) {
				t.Errorf("crowded %v: descriptors %q, want %q", crowded, r.Descriptors, want)
			}
		}
		for range clients {
			if st := h.await(); st.Stage != Run || st.Wait != 0 {
				t.Errorf("%+v", st)
			}
		}
	}
}

// TestListenFailed: the calls that only such servers make have their stages.
func TestListenFailed(t *testing.T) {
	h := cloning(t)
	p := h.prepare(Command{Path: "/nonexistent", Argv: []string{"t"}})
	p.Listen = true
	for _, crowded := range []bool{false, true} {
		h.crowded = crowded
		_, client := h.start(p, "")
		defer client.Close()
		if st := h.await(); st.Stage != Exec || st.Errno != syscall.ENOENT {
			t.Errorf("crowded %v: %+v", crowded, st)
		}
	}
	for m := range p.scripts {
		sc := &p.scripts[m]
		last := len(sc.stages) - 1
		for i, want := range []Stage{Limits, Descriptors, Descriptors, Null, Descriptors, Descriptors, Self, Exec} {
			if got := p.stage(sc, last-1+i); got != want {
				t.Errorf("mode %d: call %d is %v, want %v", m, last-1+i, got, want)
			}
		}
	}
}
