package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNeighboursOfFiles: files that come and go in the directories above the configuration
// do not wake the daemon, and files beside the configuration hardly do.
func TestNeighboursOfFiles(t *testing.T) {
	t.Parallel()
	const files = 3000
	above := t.TempDir()
	beside := filepath.Join(above, "etc")
	if err := os.Mkdir(beside, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(beside, "inetd.conf")
	if err := os.WriteFile(conf, []byte(above+"/socket stream unix nowait - internal discard\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := watching(t, conf)
	before := d.switches(t)
	for _, tt := range []struct {
		dir  string
		most int // times that the daemon's threads may wake
	}{{above, 20}, {beside, 100}} {
		for i := range files {
			name := filepath.Join(tt.dir, fmt.Sprint("file", i))
			if err := os.WriteFile(name, []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		now := d.switches(t)
		if n := now - before; n > tt.most {
			t.Errorf("%d files in %s woke the daemon %d times, want %d at most", files, tt.dir, n, tt.most)
		}
		before = now
	}
	// The daemon still notices a change of the configuration.
	if err := os.WriteFile(conf, []byte("\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.await(t, "inetd.conf: changed on disk")
}

// watched is a daemon in the foreground whose log is read.
type watched struct {
	pid int
	log chan string
}

// watching starts a daemon and returns when it serves.
func watching(t *testing.T, conf string) watched {
	t.Helper()
	cmd := exec.Command("inetd", "-f", "-e", "--pidfile=", conf)
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	d := watched{cmd.Process.Pid, make(chan string, 100)}
	go func() {
		defer close(d.log)
		for in := bufio.NewScanner(stderr); in.Scan(); {
			d.log <- in.Text()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	d.await(t, ": serving ")
	return d
}

// await waits for a line of the log.
func (d watched) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case line, ok := <-d.log:
			if !ok {
				t.Fatalf("the daemon has ended, without %q", text)
			}
			if strings.Contains(line, text) {
				return
			}
		case <-late:
			t.Fatalf("no line with %q", text)
		}
	}
}

// switches returns how often threads of the daemon have gone to sleep, once they all stay
// asleep.
func (d watched) switches(t *testing.T) int {
	t.Helper()
	for before, deadline := -1, time.Now().Add(20*time.Second); time.Now().Before(deadline); time.Sleep(600 * time.Millisecond) {
		n := 0
		list, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", d.pid))
		if err != nil || len(list) == 0 {
			t.Fatal("the daemon has no threads: ", err)
		}
		for _, name := range list {
			text, _ := os.ReadFile(name) // the thread may have ended
			_, after, _ := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
			var one int
			fmt.Sscan(after, &one)
			n += one
		}
		if n == before {
			return n
		}
		before = n
	}
	t.Fatal("the daemon does not come to rest")
	return 0
}
