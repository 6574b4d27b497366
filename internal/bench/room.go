package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVar is set in the environment once the program runs in its own
// namespaces.
const insideVar = "INETD_BENCH_INSIDE"

func isolated() bool { return os.Getenv(insideVar) != "" }

// isolate starts this program again, as the same process, in a network and a
// mount namespace of its own: every port is free there, the host's packet
// filter is not in the way, and no pid file or log line reaches the host. It
// returns only if that cannot be done.
func isolate() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// A namespace belongs to a thread; execve keeps those of the calling one.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare network and mounts: %w", err)
	}
	return syscall.Exec(self, os.Args, append(os.Environ(), insideVar+"=1"))
}

// furnish prepares the new namespaces: the loopback interface is up, TCP does not
// pace, /run is empty for pid files, there is no syslog, and the dynamic linker
// knows the cached libraries, if there are any.
func furnish(linkerCache string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	if err := cover("/dev/log", "/dev/null"); err != nil {
		return err
	}
	if err := cover("/etc/ld.so.cache", linkerCache); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte(congestion), 0); err != nil {
		return err
	}
	return loopbackUp()
}

// congestion is TCP's congestion control in the namespace; every kernel has it. That of
// the host may be one that paces, such as BBR: then its timers would be measured.
const congestion = "reno"

// cover bind-mounts with over path. It does nothing if one of the two does not exist.
func cover(path, with string) error {
	err := unix.Mount(with, path, "", unix.MS_BIND, "")
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("cover %s: %w", path, err)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback up: %w", err)
	}
	return nil
}
