package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// outcome is what a daemon did in a scene.
type outcome struct {
	sockets []string // the open ones, such as "tcp 0.0.0.0:7001"
	results []result // of the tries
	log     string
}

// peer is a daemon to be compared.
type peer struct {
	name    string
	command func(conf, log string) *exec.Cmd
	ready   func(p *process) bool // whether its sockets are open
}

// startTime is how long a daemon may take to open its sockets.
const startTime = 10 * time.Second

func xinetdPeer(path string) peer {
	return peer{
		name: "xinetd",
		command: func(conf, log string) *exec.Cmd {
			return exec.Command(path, "-dontfork", "-stayalive", "-pidfile", conf+".pid", "-filelog", log, "-f", conf)
		},
		ready: func(p *process) bool {
			log, _ := os.ReadFile(p.log)
			return strings.Contains(string(log), "Started working")
		},
	}
}

func inetdPeer(path string) peer {
	return peer{
		name:    "inetd",
		command: func(conf, log string) *exec.Cmd { return exec.Command(path, "-f", "-e", "--pidfile=", conf) },
		ready: func(p *process) bool {
			_ = p.notify.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			buffer := make([]byte, 4096)
			n, err := p.notify.Read(buffer)
			return err == nil && slices.Contains(strings.Split(string(buffer[:n]), "\n"), "READY=1")
		},
	}
}

// process is a daemon that runs.
type process struct {
	cmd    *exec.Cmd
	log    string
	notify *net.UnixConn
	ended  chan error
}

// play has a daemon serve the configuration of a scene, and its clients try it.
func play(p peer, s *scene) (*outcome, error) {
	dir, err := os.MkdirTemp(workDir, p.name)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	restore, err := s.furnish()
	if err != nil {
		return nil, err
	}
	defer restore()
	proc, err := start(p, dir, s.conf)
	if err != nil {
		return nil, err
	}
	defer proc.stop()
	o := &outcome{sockets: sockets()}
	o.results = attempt(s.tries)
	log, err := os.ReadFile(proc.log)
	o.log = string(log)
	return o, err
}

// furnish adds the lines of a scene to the files of /etc; restore takes them out again.
func (s *scene) furnish() (restore func(), err error) {
	before := map[string][]byte{}
	for name, lines := range s.etc {
		path := filepath.Join("/etc", name)
		if before[path], err = os.ReadFile(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, append(slices.Clone(before[path]), lines...), 0o644); err != nil {
			return nil, err
		}
	}
	return func() {
		for path, text := range before {
			err := os.Remove(path)
			if text != nil {
				err = os.WriteFile(path, text, 0o644)
			}
			if err != nil {
				panic(err)
			}
		}
	}, nil
}

// environment is what both daemons are started with.
var environment = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C", "FLAVOUR=vanilla", "COLOUR=red"}

func start(p peer, dir, conf string) (*process, error) {
	path := filepath.Join(dir, "conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, err
	}
	proc := &process{log: filepath.Join(dir, "log"), ended: make(chan error, 1)}
	log, err := os.Create(proc.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	notify := filepath.Join(dir, "notify")
	if proc.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"}); err != nil {
		return nil, err
	}
	proc.cmd = p.command(path, proc.log)
	proc.cmd.Dir, proc.cmd.Env = "/", slices.Clone(environment)
	proc.cmd.Stdout, proc.cmd.Stderr = log, log
	proc.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.name == "inetd" {
		proc.cmd.Env = append(proc.cmd.Env, "NOTIFY_SOCKET="+notify)
	}
	if err := proc.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { proc.ended <- proc.cmd.Wait() }()
	return proc, proc.await(p)
}

// await returns when the daemon serves or has ended, which is an outcome as well.
func (proc *process) await(p peer) error {
	for deadline := time.Now().Add(startTime); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if len(proc.ended) > 0 || p.ready(proc) {
			return nil
		}
	}
	proc.stop()
	log, _ := os.ReadFile(proc.log)
	return fmt.Errorf("%s is not ready after %v: %s", p.name, startTime, log)
}

func (proc *process) stop() {
	_ = syscall.Kill(-proc.cmd.Process.Pid, syscall.SIGKILL)
	_ = proc.cmd.Process.Kill()
	<-proc.ended
	proc.notify.Close()
	reap()
}

// reap kills the servers that are left, and waits for their ends. All processes of the
// namespace but this one are servers.
func reap() {
	for {
		if err := syscall.Kill(-1, syscall.SIGKILL); errors.Is(err, syscall.ESRCH) {
			return
		}
		if _, err := syscall.Wait4(-1, nil, 0, nil); errors.Is(err, syscall.ECHILD) {
			return
		}
	}
}
