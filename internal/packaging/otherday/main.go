//go:build linux && amd64

// Otherday runs a command on another day: whenever the command, or what it starts, asks
// for the time of day, it is told one that is DAYS days later. Files still get the
// machine's time. It needs root.
//
//	otherday DAYS COMMAND [ARG...]
//
// A library in LD_PRELOAD cannot do that to Go programs, which make system calls
// themselves. So the command is traced: where the vDSO is, which tells the time without a
// system call, is hidden from it, and the system call is answered here.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// insideEnv tells a process that it is traced, and is to become the command.
const insideEnv = "OTHERDAY_INSIDE"

const options = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACEEXEC |
	unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK

func main() {
	log.SetFlags(0)
	log.SetPrefix("otherday: ")
	if len(os.Args) < 3 {
		log.Fatal("usage: otherday DAYS COMMAND [ARG...]")
	}
	runtime.LockOSThread() // a filter belongs to a thread, and so does tracing
	if os.Getenv(insideEnv) != "" {
		log.Fatal(become(os.Args[2:]))
	}
	days, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	status, err := trace(time.Duration(days) * 24 * time.Hour)
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(status)
}

// become executes the command. Its calls that ask for the time stop for the tracer.
func become(argv []string) error {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	os.Unsetenv(insideEnv)
	const (
		number, clock = 0, 16 // in struct seccomp_data: the call, and its first argument
		load, equal   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		answer        = unix.BPF_RET | unix.BPF_K
	)
	program := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_TIME, Jt: 6},
		{Code: equal, K: unix.SYS_GETTIMEOFDAY, Jt: 5},
		{Code: equal, K: unix.SYS_CLOCK_GETTIME, Jf: 3},
		{Code: load, K: clock},
		{Code: equal, K: unix.CLOCK_REALTIME, Jt: 2},
		{Code: equal, K: unix.CLOCK_REALTIME_COARSE, Jt: 1},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
		{Code: answer, K: unix.SECCOMP_RET_TRACE},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&filter)), 0, 0); err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	return syscall.Exec(path, argv, os.Environ())
}

// trace runs this program as the command and returns its exit status.
func trace(shift time.Duration) (status int, err error) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	first := cmd.Process.Pid
	known := map[int]bool{}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WALL, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("wait4: %w", err)
		case pid == first && ws.Exited():
			return ws.ExitStatus(), nil
		case pid == first && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case !ws.Stopped():
			delete(known, pid)
			continue
		}
		// A thread may end at any moment, so errors of ptrace(2) mean nothing.
		_ = unix.PtraceCont(pid, int(stopped(pid, ws, known, shift)))
	}
}

// stopped handles a stop of a thread, and returns the signal to continue it with.
func stopped(pid int, ws unix.WaitStatus, known map[int]bool, shift time.Duration) unix.Signal {
	isNew := !known[pid]
	known[pid] = true
	switch event := ws.TrapCause(); {
	case len(known) == 1 && isNew: // the first process has executed this program
		_ = unix.PtraceSetOptions(pid, options)
	case event == unix.PTRACE_EVENT_SECCOMP:
		answerTime(pid, shift)
	case event == unix.PTRACE_EVENT_EXEC:
		hideVDSO(pid)
	case event > 0:
	case isNew && ws.StopSignal() == unix.SIGSTOP: // how a new thread begins
	default:
		return ws.StopSignal()
	}
	return 0
}

// answerTime skips a system call and has it return another time.
func answerTime(pid int, shift time.Duration) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(pid, &regs) != nil {
		return
	}
	now := time.Now().Add(shift)
	put := func(at uint64, words ...int) {
		var b []byte
		for _, w := range words {
			b = binary.LittleEndian.AppendUint64(b, uint64(w))
		}
		if at != 0 {
			_, _ = unix.PtracePokeData(pid, uintptr(at), b)
		}
	}
	seconds, call := int(now.Unix()), regs.Orig_rax
	regs.Orig_rax, regs.Rax = ^uint64(0), 0
	switch call {
	case unix.SYS_CLOCK_GETTIME:
		put(regs.Rsi, seconds, now.Nanosecond())
	case unix.SYS_GETTIMEOFDAY:
		put(regs.Rdi, seconds, now.Nanosecond()/1000)
	case unix.SYS_TIME:
		put(regs.Rdi, seconds)
		regs.Rax = uint64(seconds)
	}
	_ = unix.PtraceSetRegs(pid, &regs)
}

// hideVDSO marks the entry of the auxiliary vector that tells where the vDSO is as one to
// ignore. On the stack of a new program, arguments, environment and that vector follow
// each other.
func hideVDSO(pid int) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(pid, &regs) != nil {
		return
	}
	const (
		word       = 8
		atNull     = 0
		atIgnore   = 1
		atSysinfo  = 33 // AT_SYSINFO_EHDR
		afterCount = 1
	)
	at := uintptr(regs.Rsp) + afterCount*word
	peek := func() (n uint64, ok bool) {
		var b [word]byte
		_, err := unix.PtracePeekData(pid, at, b[:])
		at += word
		return binary.LittleEndian.Uint64(b[:]), err == nil
	}
	for range 2 { // the arguments, the environment
		for n, ok := peek(); n != 0; n, ok = peek() {
			if !ok {
				return
			}
		}
	}
	for {
		kind, ok := peek()
		if !ok || kind == atNull {
			return
		}
		if kind == atSysinfo {
			_, _ = unix.PtracePokeData(pid, at-word, binary.LittleEndian.AppendUint64(nil, atIgnore))
			return
		}
		at += word
	}
}
