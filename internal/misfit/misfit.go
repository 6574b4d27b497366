// Package misfit says why a server that ran did not serve: in what way it does not fit
// its entry. In goes what is known of the server and of its connection; out comes the
// cause in plain words with advice, or nothing.
//
// All functions but Idle read files of /proc and of programs, or ask the kernel for
// tables, so the event loop calls only Idle.
package misfit

import (
	"debug/elf"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"inetd/internal/examine"
	"inetd/internal/sockdiag"
)

// Idle reports whether on a TCP connection the server has read nothing and written
// nothing, and the client waits. For any other connection it is false.
func Idle(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	const established = 1 // the client has not closed its end
	if err != nil || info.State != established {
		return false
	}
	unread, err := unix.IoctlGetInt(fd, unix.SIOCINQ)
	return err == nil && info.Bytes_received == uint64(unread) && info.Bytes_sent == 0
}

// A process that goes into the background keeps the connection of its parent open for a
// moment. Nothing tells when it closes it.
const (
	leaveTime = 500 * time.Millisecond
	leaveStep = 50 * time.Millisecond
)

// Deserted reports whether a connection stays idle and no process but self has it open,
// or keeps it open for long.
func Deserted(fd, self int) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return false
	}
	for late := time.Now().Add(leaveTime); ; time.Sleep(leaveStep) {
		held := heldBeside(st.Ino, self)
		switch {
		case !Idle(fd): // after heldBeside, because a process that is gone may have served it
			return false
		case !held:
			return true
		case time.Now().After(late):
			return false
		}
	}
}

// heldBeside reports whether a process other than self has a socket open.
func heldBeside(inode uint64, self int) bool {
	for _, pid := range sockdiag.Processes() {
		if pid != self && sockdiag.Inodes(pid)[inode] {
			return true
		}
	}
	return false
}

// Shell explains the exit status 127 or 126 of a program: by what is wrong with its file,
// or else by what a shell means by it.
func Shell(path string, status int, u examine.User) string {
	if f := examine.Program(path, u); f != (examine.Finding{}) {
		return f.String()
	}
	line := examine.Interpreter(path, u)
	switch {
	case status == 126:
		return "a shell ends so when it may not execute a command"
	case len(line) > 1 && filepath.Base(line[0]) == "env":
		return fmt.Sprintf("%s does not find %s; its PATH is that of the daemon", line[0], line[1])
	case line == nil && !slices.Contains(shells, filepath.Base(path)):
		return "the loader of a program ends so when it cannot load a library, as where rlimit_as is too small"
	}
	return "a shell ends so when it does not find a command; its PATH is that of the daemon"
}

// shells are the names of programs that run commands.
var shells = []string{"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox", "env", "nice", "timeout", "setpriv", "stdbuf"}

// Failing gives advice on a program whose servers end with an error again and again,
// having read and written nothing.
func Failing(path string) string {
	if accepts, known := imports(path); known && !accepts {
		return ""
	}
	return "if it accepts connections itself it needs wait"
}

// imports reports whether a program calls accept(2). That is known only of one that is
// linked to a C library.
func imports(path string) (accepts, known bool) {
	f, err := elf.Open(path)
	if err != nil {
		return false, false
	}
	defer f.Close()
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return false, false
	}
	return slices.ContainsFunc(symbols, func(s elf.ImportedSymbol) bool { return s.Name == "accept" || s.Name == "accept4" }), true
}
