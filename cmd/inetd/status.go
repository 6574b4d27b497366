package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"inetd/internal/inetd"
	"inetd/internal/inspect"
	"inetd/internal/status"
)

// notRunning is the exit status of asking an inetd that does not run.
const notRunning = 3

// maxStatus is how many bytes of an answer are read at most.
const maxStatus = 256 << 20

// writeStatus answers a request for the state of the daemon, in the form that write gives
// it. A table needs only a brief state.
func writeStatus(conn net.Conn, s *inetd.Server, brief bool, write func(*status.Snapshot, io.Writer)) {
	writeAnswer(conn, func(done func(*status.Snapshot)) { s.Status(brief, done) }, func(now *status.Snapshot, w io.Writer) {
		if !brief {
			now.Descriptors = descriptors()
		}
		write(now, w)
	})
}

// writeStatusFor answers a request for the state as a client at an address would meet it,
// unless the address is invalid.
func writeStatusFor(conn net.Conn, s *inetd.Server, address string) {
	if from, err := netip.ParseAddr(address); err == nil {
		writeAnswer(conn, func(done func(*status.Snapshot)) { s.StatusFor(from, done) }, encode)
	}
}

func encode(now *status.Snapshot, w io.Writer) { _ = json.NewEncoder(w).Encode(now) }

// writeAnswer asks the server for its state, and writes it to the connection.
func writeAnswer(conn net.Conn, ask func(done func(*status.Snapshot)), write func(*status.Snapshot, io.Writer)) {
	shot := make(chan *status.Snapshot, 1)
	ask(func(now *status.Snapshot) { shot <- now })
	select {
	case now := <-shot:
		write(now, conn)
	case <-time.After(askTime): // the server may be ending
	}
}

// descriptors counts the open descriptors of this process; 0: /proc is not there.
func descriptors() int {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(fds) - 1 // without that of the directory itself
}

// tell prints the state of the running inetd in the form that the options ask for.
func (o *options) tell(stdout io.Writer) (code int, err error) {
	switch {
	case o.metrics:
		err = o.tellAll(metricsRequest, (*status.Snapshot).WriteMetrics, stdout)
	case o.explain == "" && !o.Explicit && !o.json:
		err = o.tellAll(tableRequest, (*status.Snapshot).WriteTable, stdout)
	default:
		code, err = o.tellSome(stdout)
	}
	if errors.Is(err, errNotRunning) {
		return notRunning, err
	}
	if err != nil {
		return 1, err
	}
	return code, nil
}

// tellSome prints what --explain, --json or operands ask for.
func (o *options) tellSome(stdout io.Writer) (code int, err error) {
	shot, err := o.askFor()
	switch {
	case err != nil:
		return 1, err
	case o.explain != "":
		return inspect.Explain(shot, o.explain, o.from.Addr, stdout)
	}
	return o.tellServices(shot, stdout)
}

// askFor asks the daemon for its state, and for what it has against a client if one is
// given. An older daemon does not know that request, so it is asked for its state alone.
func (o *options) askFor() (*status.Snapshot, error) {
	if o.from.IsValid() {
		if shot, err := ask(o.pidFile, fromRequest+o.from.WithZone("").String()); err == nil {
			return shot, nil
		}
	}
	return ask(o.pidFile, statusRequest)
}

// tellAll prints an answer that the daemon has written in its final form: decoding the
// state of thousands of services here would take longer than all the rest. An older daemon
// does not know the request and gives no answer; then its state is decoded after all.
func (o *options) tellAll(request string, write func(*status.Snapshot, io.Writer), stdout io.Writer) error {
	conn, _, err := put(o.pidFile, request)
	if err != nil {
		return err
	}
	defer conn.Close()
	if n, err := io.Copy(stdout, io.LimitReader(conn, maxStatus)); n > 0 || err != nil {
		return err
	}
	shot, err := ask(o.pidFile, statusRequest)
	if err == nil {
		write(shot, stdout)
	}
	return err
}

// tellServices prints what is known of the services that the operands name, or of all
// services without operands.
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

// put sends a request to the daemon with that pid file. The caller reads the answer from
// the connection and closes it.
func put(pidFile, request string) (conn *net.UnixConn, pid int, err error) {
	if pid, err = running(pidFile); err != nil {
		return nil, 0, err
	}
	conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: socketPath(pidFile), Net: "unix"})
	if err != nil {
		return nil, 0, denied(pid, "ask", fmt.Errorf("process %d has no control socket: %w", pid, err))
	}
	if err = answersFor(conn, pid); err == nil {
		_ = conn.SetDeadline(time.Now().Add(2 * askTime))
		if _, err = io.WriteString(conn, request+"\n"); err != nil {
			err = fmt.Errorf("ask process %d: %w", pid, err)
		}
	}
	if err != nil {
		conn.Close()
		return nil, 0, err
	}
	return conn, pid, nil
}

// ask asks the daemon with that pid file for its state, by a request answered in JSON.
func ask(pidFile, request string) (*status.Snapshot, error) {
	conn, pid, err := put(pidFile, request)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var shot status.Snapshot
	switch err := json.NewDecoder(io.LimitReader(conn, maxStatus)).Decode(&shot); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("process %d does not answer: it is of an older version, or you are neither root nor its user", pid)
	case err != nil:
		return nil, fmt.Errorf("answer of process %d: %w", pid, err)
	}
	return &shot, nil
}
