package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"inetd/internal/child"

	"golang.org/x/sys/unix"
)

// cmdPrivate has daemons that are started later see a system of their own.
func cmdPrivate(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	kind := strings.Join(args, " ")
	if _, ok := namespaces[kind]; !ok {
		ts.Fatalf("private, private pid, private noclone3 or private nofile")
	}
	benchOf(ts).private = &kind
}

// namespaces are the namespaces that the kinds of private system need.
var namespaces = map[string]uintptr{
	"":         syscall.CLONE_NEWNS,
	"pid":      syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
	"noclone3": 0,
	"nofile":   0,
}

// enclose makes cmd run in a system of its own, by way of enter.
func enclose(cmd *exec.Cmd, kind, dir string) {
	wrapper := filepath.Join(filepath.Dir(cmd.Path), "t-private")
	cmd.Args = append([]string{wrapper, kind, dir, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = wrapper
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces[kind]}
}

// enter is a program that arranges its system and executes another program.
func enter() {
	kind, dir, argv := os.Args[1], os.Args[2], os.Args[3:]
	var err error
	switch kind {
	case "noclone3":
		err = refuseClone3()
	case "nofile":
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 80, Max: 80})
	default:
		err = arrange(dir)
	}
	if err == nil {
		err = syscall.Exec(argv[0], argv, os.Environ())
	}
	fmt.Fprintln(os.Stderr, "t-private:", err)
	os.Exit(2)
}

// haveClone3 reports whether servers are started by clone3 here.
func haveClone3() (bool, error) {
	s, err := child.New()
	if err != nil {
		return false, err
	}
	defer s.Close()
	return s.Clone(), nil
}

// refuseClone3 installs a filter of system calls as some container runtimes do: clone3(2)
// fails with ENOSYS.
func refuseClone3() error {
	runtime.LockOSThread() // the filter is this thread's, and Exec runs on it
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call, at offset 0
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return fmt.Errorf("seccomp: %w", e)
	}
	return nil
}

// arrange arranges a mount namespace: /dev has only null, and log, which is the socket of
// the script's syslogd. What the script has in private/ replaces files and directories of
// the same path.
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
