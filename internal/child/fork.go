package child

import (
	"bytes"
	"encoding/binary"
	"syscall"

	"golang.org/x/sys/unix"
)

// forkExec starts p where clone3 cannot be used. It waits for the exec, whose
// failure it leaves for Reap under a process id that cannot exist.
func (s *Starter) forkExec(p *Program, fd, stderr int, extra []byte) (int, error) {
	attr := syscall.ProcAttr{
		Env:   goStrings(p.env),
		Files: []uintptr{uintptr(fd), uintptr(fd), uintptr(fd)},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	if stderr >= 0 {
		attr.Files[2] = uintptr(stderr)
	}
	for _, v := range bytes.Split(bytes.TrimSuffix(extra, []byte{0}), []byte{0}) {
		if len(v) > 0 {
			attr.Env = append(attr.Env, string(v))
		}
	}
	if c := p.cred; c != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups}
	}
	pid, err := syscall.ForkExec(p.Path(), p.Argv(), &attr)
	errno, ok := err.(syscall.Errno)
	if err != nil && !ok || errno != 0 && noProcess(p, errno) {
		return 0, err
	}
	(&start{fds: [2]int{fd, stderr}}).release()
	if err == nil {
		return pid, nil
	}
	pid = -1 - len(s.failed)
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(s.wake, one[:]) // as a child does that fails after clone3
	s.failed = append(s.failed, Status{Pid: pid, Wait: notRun, Stage: forkStage(p, errno), Errno: errno})
	return pid, nil
}

// noProcess guesses whether e means that ForkExec could make no process. EAGAIN may come
// from setuid, too.
func noProcess(p *Program, e syscall.Errno) bool {
	return e == syscall.ENOMEM || e == syscall.EAGAIN && p.cred == nil
}

// forkStage guesses where ForkExec failed, which it does not tell: only a change of
// credentials gives EPERM, and only setuid EAGAIN.
func forkStage(p *Program, e syscall.Errno) Stage {
	if p.cred != nil && (e == syscall.EPERM || e == syscall.EAGAIN) {
		return User
	}
	return Exec
}
