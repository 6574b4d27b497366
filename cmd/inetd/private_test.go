package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// cmdPrivate has the daemons that follow see a file system of their own.
func cmdPrivate(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	flags := uintptr(syscall.CLONE_NEWNS)
	if len(args) == 1 && args[0] == "pid" {
		flags |= syscall.CLONE_NEWPID
	}
	benchOf(ts).namespaces = flags
}

// enclose makes cmd run in new namespaces, by way of enter.
func enclose(cmd *exec.Cmd, namespaces uintptr, dir string) {
	wrapper := filepath.Join(filepath.Dir(cmd.Path), "t-private")
	cmd.Args = append([]string{wrapper, dir, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = wrapper
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
}

// enter is a program that arranges the file system of its mount namespace and
// executes another one: /dev has but null, and log, which is the socket of the
// script's syslogd; and what the script has in private/ replaces a file or
// directory of the same path.
func enter() {
	if err := arrange(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "t-private:", err)
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "t-private:", syscall.Exec(os.Args[2], os.Args[2:], os.Environ()))
	os.Exit(2)
}

func arrange(dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if os.Getpid() == 1 {
		if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
			return fmt.Errorf("mount /proc: %w", err)
		}
	}
	for _, path := range []string{"/dev", "/run"} {
		if err := unix.Mount("tmpfs", path, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	if err := unix.Mknod("/dev/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		return fmt.Errorf("make /dev/null: %w", err)
	}
	if err := os.Symlink(filepath.Join(dir, syslogName), "/dev/log"); err != nil {
		return err
	}
	for _, path := range []string{"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/hosts.allow", "/etc/hosts.deny", "/etc/nsswitch.conf", "/usr/bin/getent", "/usr/sbin"} {
		own := filepath.Join(dir, "private", path)
		if _, err := os.Stat(own); err != nil {
			continue
		}
		if err := unix.Mount(own, path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	return nil
}

// haveNamespaces reports whether this user may make the namespaces of private.
func haveNamespaces() bool {
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID}
	return cmd.Run() == nil
}

// haveAccessFiles reports whether private can replace hosts.allow and hosts.deny.
func haveAccessFiles() bool {
	for _, path := range []string{"/etc/hosts.allow", "/etc/hosts.deny"} {
		if _, err := os.Stat(path); err != nil {
			return false
		}
	}
	return haveNamespaces()
}
