package passing

import (
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/lastwords"
	"inetd/internal/running"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// start starts a program that serves no client itself: a relay or a server. fd becomes
// its descriptors 0 and 1; the program takes fd over unless there is an error. ended is
// called at its end, with the last line it wrote to standard error.
func (rs *Relays) start(v *table.Service, g *child.Program, fd int, env []byte, ended func(st child.Status, said string)) (pid int, err error) {
	words, err := lastwords.New()
	if err != nil {
		return 0, err
	}
	stderr, err := child.Low(words.FD())
	if err != nil {
		words.Close()
		return 0, os.NewSyscallError("fcntl", err)
	}
	begun := time.Now().UnixNano()
	if pid, err = rs.loop.Starter.Start(g, fd, stderr, env); err != nil {
		unix.Close(stderr)
		words.Close()
		return 0, err
	}
	rs.loop.Running.Track(pid, &running.Process{Service: v, Program: g, Begun: begun, Done: rs.hearing(ended)}, true)
	rs.hear(pid, words)
	return pid, nil
}

// resume goes on with a program that was started before an upgrade. It reports whether
// that program still runs.
func (rs *Relays) resume(pid, words int, ended func(st child.Status, said string)) bool {
	if words != 0 {
		rs.loop.Starter.Note(words)
		rs.hear(pid, lastwords.At(words))
	}
	p := rs.loop.Running.Find(pid)
	if p == nil {
		return false
	}
	p.Done = rs.hearing(ended)
	return true
}

func (rs *Relays) hearing(ended func(st child.Status, said string)) func(child.Status) {
	return func(st child.Status) {
		words, said := rs.words[st.Pid], ""
		if words != (lastwords.Words{}) {
			said = words.Last()
			words.Close()
			delete(rs.words, st.Pid)
		}
		ended(st, said)
	}
}

// hear keeps what a process writes to standard error until the process ends.
func (rs *Relays) hear(pid int, words lastwords.Words) {
	rs.words[pid] = words
	if !rs.trimming {
		rs.trimming = true
		rs.loop.Timers.After(trimTime, rs.trim)
	}
}

// trimTime is how often processes are checked for having written much.
const trimTime = time.Minute

// trim forgets what a process has written if that is much: a server may run, and
// complain, for years.
func (rs *Relays) trim() {
	for _, w := range rs.words {
		w.Trim()
	}
	if rs.trimming = len(rs.words) > 0; rs.trimming {
		rs.loop.Timers.After(trimTime, rs.trim)
	}
}
