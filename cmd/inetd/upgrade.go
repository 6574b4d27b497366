package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"inetd/internal/child"
	"inetd/internal/diagnose"
	"inetd/internal/handover"
	"inetd/internal/inetd"
	"inetd/internal/inspect"
)

// proveArg is the first argument of a program that is to prove that it can take over; the
// daemon's arguments follow. It is none of the options: an inetd that does not know it
// prints its usage and ends, and any other program does as it likes.
const proveArg = "--prove"

// prove is what a new program does as a child of the daemon that it is to replace: with the
// daemon's options it reads the state and the configuration, changes nothing, and answers
// in one line.
func prove(args []string, in io.Reader, out io.Writer) (status int) {
	if err := canTakeOver(args, in); err != nil {
		fmt.Fprintln(out, err)
		return 1
	}
	fmt.Fprintln(out, inetd.Proved+version())
	return 0
}

func canTakeOver(args []string, in io.Reader) error {
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	state, err := handover.Decode(text)
	if err != nil {
		return err
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if err := o.absoluteFrom(state.Process.Directory); err != nil {
		return err
	}
	return inspect.Usable(&o.Config.Config, state.InheritedSpecs(), state.Daemon.Known)
}

// absoluteFrom makes the paths independent of the current directory, unless that is dir, the
// directory that they are relative to.
func (o *options) absoluteFrom(dir string) error {
	here, err := os.Getwd()
	if err == nil && here == dir {
		return nil
	}
	for _, p := range o.paths() {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	return nil
}

// ownPath returns the path that this program was started by, or "" if that is not known.
// The path may be a link; what it leads to at an upgrade is the new program.
func ownPath() string {
	if named, err := filepath.Abs(os.Args[0]); err == nil && strings.Contains(os.Args[0], "/") {
		mine, err1 := os.Stat("/proc/self/exe")
		there, err2 := os.Stat(named)
		if err1 == nil && err2 == nil && os.SameFile(mine, there) {
			return named
		}
	}
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	return path
}

// upgrader replaces this program by another one in the same process.
type upgrader struct {
	*options
	server  *inetd.Server
	control *control         // nil: none
	pidFile *pidFile         // nil: none
	process handover.Process // of this one

	turn chan bool // full while one upgrade is under way
}

// upgrade is an upgradeFunc. It returns only if there is no new program, or one that cannot
// take over; then this program serves on.
func (u *upgrader) upgrade(ctx context.Context, say func(string)) error {
	err := u.inTurn(ctx, say)
	u.Log.Errorf("not upgraded: %v; this program, %s, serves on", err, version())
	return err
}

// inTurn waits until no other upgrade is under way.
func (u *upgrader) inTurn(ctx context.Context, say func(string)) error {
	select {
	case u.turn <- true:
	default:
		say("another upgrade is under way, and this one waits for its end")
		select {
		case u.turn <- true:
		case <-ctx.Done():
			return inetd.ErrGivenUp
		}
	}
	defer func() { <-u.turn }()
	return u.tryUpgrade(ctx, say)
}

func (u *upgrader) tryUpgrade(ctx context.Context, say func(string)) error {
	if u.process.Program == "" {
		return errors.New("nobody knows the path of this program; is /proc mounted?")
	}
	stop := reminding(func(after time.Duration) {
		say(fmt.Sprintf("waiting for %s to prove itself, %v", u.process.Program, after))
	})
	name, err := u.server.Prove(ctx, append([]string{u.process.Program, proveArg}, os.Args[1:]...), u.process)
	stop()
	if err != nil {
		return err
	}
	u.Log.Noticef("%s, inetd %s, takes over", u.process.Program, name)
	u.control.pause()
	defer u.control.resume()
	return u.server.HandOver(u.execute)
}

// execute executes the new program in this process. It returns only if that is impossible,
// and leaves everything as it was.
func (u *upgrader) execute(state *handover.State) error {
	state.Process = u.process
	if u.pidFile != nil {
		state.Process.PidFile = int(u.pidFile.f.Fd())
	}
	u.control.bequeath(&state.Process)
	text, err := handover.Encode(state)
	if err != nil {
		return err
	}
	memory, err := handover.Leave(text)
	if err != nil {
		return err
	}
	defer unix.Close(memory)
	if u.Notify != nil {
		_, _ = daemon.SdNotify(false, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
	}
	restore, err := u.quieten()
	defer restore()
	if err != nil {
		return err
	}
	u.Log.Flush(flushTime)
	for _, fd := range state.Descriptors() {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
		defer unix.CloseOnExec(fd)
	}
	return u.exec(memory)
}

func (u *upgrader) exec(memory int) error {
	raise := child.LowerOpenFiles()
	defer raise()
	err := syscall.Exec(u.process.Program, os.Args, append(os.Environ(), fmt.Sprintf("%s=%d", handover.Env, memory)))
	errno, _ := err.(syscall.Errno)
	return diagnose.Replacement(u.process.Program, child.Status{Stage: child.Exec, Errno: errno})
}

var errTold = errors.New("this daemon was told to end")

// quieten keeps signals from ending the new program before it listens for them. Signals
// that have come already are obeyed first. A reload that is asked for from now on may be
// lost, since the new program begins with one; SIGTERM and SIGINT still end the process.
// SIGALRM is ignored, too: Go's runtime drops it, but until that runs it ends a process.
func (u *upgrader) quieten() (restore func(), err error) {
	heed := child.IgnoreSignals(unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM)
	signal.Stop(u.signals) // returns when signals on their way are in the channel
	f := make(fence)
	u.signals <- f
	<-f
	if u.server.Stopping() {
		err = errTold
	}
	return func() {
		heed()
		listen(u.signals)
	}, err
}

// fence is not a real signal: obey closes it once it has obeyed all signals before it.
type fence chan struct{}

func (fence) Signal()        {}
func (fence) String() string { return "fence" }

// listen has the signals that the daemon obeys sent to a channel.
func listen(signals chan<- os.Signal) {
	signal.Notify(signals, unix.SIGHUP, unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
}

// answerAskers returns a function that answers, with the outcome of the first load, those
// who asked the previous program for the upgrade.
func answerAskers(before handover.Process) func(inetd.Outcome) {
	return func(out inetd.Outcome) {
		text, _ := changes(out) // wrong lines do not make the upgrade a failure
		text = fmt.Sprintf("inetd[%d]: upgraded from %s to %s\n%s%s0\n", os.Getpid(), before.Version, version(), text, statusLine)
		for _, fd := range before.Askers {
			go func() {
				f := os.NewFile(uintptr(fd), "control")
				_, _ = f.WriteString(text)
				_ = f.Close()
			}()
		}
	}
}
