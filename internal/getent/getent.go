// Package getent asks getent(1) for one key of a system database. In go a database and a
// key; out comes the first line of the answer. A static program cannot ask LDAP, NIS and
// the like itself: that takes the C library.
package getent

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"inetd/internal/strerror"
)

// program is where the C library has its program.
const program = "/usr/bin/getent"

// Patience bounds the wait for one answer, and then for the end of getent. After an answer
// that takes longer nothing more is asked: whatever is behind getent is down.
const Patience = 5 * time.Second

// MaxAnswer is how much of an answer is read, in bytes: a group may have many members.
const MaxAnswer = 4 << 20

// ErrSlow is the error of an answer that does not come in time.
var ErrSlow = errors.New("no answer in time")

// Run runs a program. argv has its path, then its arguments from argv[0] on. Run returns
// the Line of what it writes; found is false if the exit status is not 0, which
// means that there is no such key.
type Run func(argv ...string) (line string, found bool, err error)

// New returns a function that has run ask getent. It is for one load: after the first
// answer that does not come in time it asks no more, and returns ErrSlow.
func New(run Run) func(database, key string) (line string, found bool, err error) {
	var down error
	if _, err := os.Stat(program); err != nil {
		down = fmt.Errorf("%s: %s", program, strerror.Cause(err))
	}
	return func(database, key string) (string, bool, error) {
		if down != nil {
			return "", false, down
		}
		line, found, err := run(program, "getent", database, key)
		if errors.Is(err, ErrSlow) {
			down = err
		}
		return line, found, err
	}
}

// Line returns the first line of an answer.
func Line(answer []byte) string {
	line, _, _ := bytes.Cut(answer, []byte("\n"))
	return string(line)
}

// Exec is a Run that waits for its child. The daemon cannot use it: its event loop reaps
// all children.
func Exec(argv ...string) (line string, found bool, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", false, err
	}
	defer null.Close()
	out, end, err := os.Pipe()
	if err != nil {
		return "", false, err
	}
	defer out.Close()
	p, err := os.StartProcess(argv[0], argv[1:], &os.ProcAttr{
		Files: []*os.File{null, end, null}, Sys: &syscall.SysProcAttr{Setsid: true}})
	end.Close()
	if err != nil {
		return "", false, fmt.Errorf("%s: %s", argv[0], strerror.Cause(err))
	}
	out.SetReadDeadline(time.Now().Add(Patience))
	answer, err := io.ReadAll(io.LimitReader(out, MaxAnswer))
	if err != nil {
		answer, err = nil, ErrSlow
		syscall.Kill(-p.Pid, syscall.SIGKILL) // its group: it leads a session
	}
	line = Line(answer)
	st, unknown := p.Wait()
	if unknown != nil { // SIGCHLD is ignored, so the kernel has dropped the exit status
		return line, line != "", err
	}
	return line, st.ExitCode() == 0, err
}
