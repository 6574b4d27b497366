package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"inetd/internal/inetd"
	"inetd/internal/inspect"
	"inetd/internal/status"
)

// notRunning is the exit status of a question to an inetd that does not run.
const notRunning = 3

// maxStatus bounds what is read of an answer.
const maxStatus = 256 << 20

// writeStatus answers a request for the state of the daemon.
func writeStatus(conn net.Conn, s *inetd.Server) {
	shot := make(chan *status.Snapshot, 1)
	s.Status(func(now *status.Snapshot) { shot <- now })
	select {
	case now := <-shot:
		if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
			now.Descriptors = len(fds) - 1 // that of the directory itself
		}
		_ = json.NewEncoder(conn).Encode(now)
	case <-time.After(askTime): // the server may be ending
	}
}

// tell prints the state of the running inetd as the options want it.
func (o *options) tell(stdout io.Writer) (code int, err error) {
	shot, err := ask(o.pidFile)
	if errors.Is(err, errNotRunning) {
		return notRunning, err
	}
	if err != nil {
		return 1, err
	}
	switch {
	case o.metrics:
		shot.WriteMetrics(stdout)
		return 0, nil
	case o.explain != "":
		return inspect.Explain(shot, o.explain, o.from.Addr, stdout)
	}
	if !o.Explicit && !o.json {
		shot.WriteTable(stdout)
		return 0, nil
	}
	return o.tellServices(shot, stdout)
}

// tellServices prints what is known of the services that are asked for, all if
// none is.
func (o *options) tellServices(shot *status.Snapshot, stdout io.Writer) (code int, err error) {
	labels := o.Files
	if !o.Explicit {
		labels = nil
	}
	for _, label := range labels {
		if !shot.Has(label) {
			return 1, fmt.Errorf("no service %q is in force%s", label, shot.Hint(label))
		}
	}
	if o.json {
		shot.Only(labels)
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return 0, e.Encode(shot)
	}
	for _, label := range labels {
		shot.WriteService(stdout, label)
	}
	return 0, nil
}

// ask asks the daemon with that pid file for its state.
func ask(pidFile string) (*status.Snapshot, error) {
	pid, err := running(pidFile)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socketPath(pidFile), Net: "unix"})
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("only root and the user of process %d may ask it", pid)
	}
	if err != nil {
		return nil, fmt.Errorf("process %d has no control socket: %w", pid, err)
	}
	defer conn.Close()
	if err := answersFor(conn, pid); err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(2 * askTime))
	if _, err := io.WriteString(conn, statusRequest+"\n"); err != nil {
		return nil, fmt.Errorf("ask process %d: %w", pid, err)
	}
	var shot status.Snapshot
	switch err := json.NewDecoder(io.LimitReader(conn, maxStatus)).Decode(&shot); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("process %d does not answer: it is of an older version, or you are neither root nor its user", pid)
	case err != nil:
		return nil, fmt.Errorf("answer of process %d: %w", pid, err)
	}
	return &shot, nil
}
