package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// insideVar is set in the environment once the program is in namespaces of its own.
const insideVar = "INETD_DIFFER_INSIDE"

// workDir is a file system of its own, for the server program and what the scenes write.
const workDir = "/mnt"

func isolated() bool { return os.Getenv(insideVar) != "" }

// isolate runs the program again with a network, mounts and processes of its own; all its
// processes end with it. It returns the exit status.
func isolate() (int, error) {
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// furnish prepares the namespaces: every address is the loopback interface's, and the
// files of /etc can be written.
func furnish() error {
	mounts := []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{"tmpfs", workDir, "tmpfs", 0},
	}
	for _, m := range mounts {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for _, args := range [][]string{
		{"cp", "-a", "/etc", workDir + "/etc"},
		{"mount", "--bind", workDir + "/etc", "/etc"},
		{"ip", "link", "set", "lo", "up"},
		{"ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "local"},
		{"ip", "-6", "route", "add", "local", "::/0", "dev", "lo", "table", "local"},
		{"ip", "-6", "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad"},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
	}
	for name, text := range map[string]string{"nsswitch.conf": "hosts: files\nnetworks: files\n", "resolv.conf": "", "hosts.allow": "", "hosts.deny": ""} {
		if err := os.WriteFile(filepath.Join("/etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return placeProbe()
}

// placeProbe copies this program to the path that the files have as their server.
func placeProbe() error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	to, err := os.OpenFile(filepath.Join(workDir, probeName), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, self)
	return errors.Join(err, to.Close())
}
