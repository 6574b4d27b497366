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

// notRunning is the exit status of a question to an inetd that does not run.
const notRunning = 3

// maxStatus bounds what is read of an answer.
const maxStatus = 256 << 20

// writeStatus answers a request for the state of the daemon, in the form that write
// gives it. A table needs only what is brief.
func writeStatus(conn net.Conn, s *inetd.Server, brief bool, write func(*status.Snapshot, io.Writer)) {
	writeAnswer(conn, func(done func(*status.Snapshot)) { s.Status(brief, done) }, func(now *status.Snapshot, w io.Writer) {
		if !brief {
			now.Descriptors = descriptors()
		}
		write(now, w)
	})
}

// writeStatusFor answers a request for the state as it is for a client at an address, if
// that is one.
func writeStatusFor(conn net.Conn, s *inetd.Server, address string) {
	if from, err := netip.ParseAddr(address); err == nil {
		writeAnswer(conn, func(done func(*status.Snapshot)) { s.StatusFor(from, done) }, encode)
	}
}

func encode(now *status.Snapshot, w io.Writer) { _ = json.NewEncoder(w).Encode(now) }

// writeAnswer writes what the server has to tell.
func writeAnswer(conn net.Conn, ask func(done func(*status.Snapshot)), write func(*status.Snapshot, io.Writer)) {
	shot := make(chan *status.Snapshot, 1)
	ask(func(now *status.Snapshot) { shot <- now })
	select {
	case now := <-shot:
		write(now, conn)
	case <-time.After(askTime): // the server may be ending
	}
}

// descriptors counts what is open here; 0: /proc is not there.
func descriptors() int {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(fds) - 1 // that of the directory itself
}

// tell prints the state of the running inetd as the options want it.
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

// tellSome prints what is asked about services.
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

// askFor asks the daemon for its state, and what it has against a client if one is named.
// A daemon that is older does not know that request.
func (o *options) askFor() (*status.Snapshot, error) {
	if o.from.IsValid() {
		if shot, err := ask(o.pidFile, fromRequest+o.from.WithZone("").String()); err == nil {
			return shot, nil
		}
	}
	return ask(o.pidFile, statusRequest)
}

// tellAll prints an answer that the daemon itself has written: to decode the state of
// thousands of services here takes longer than all the rest. A daemon that is older
// does not know the request, and gives no answer.
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

// put puts a request to the daemon with that pid file. Its answer comes over the
// connection.
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

// ask asks the daemon with that pid file for its state, by one of the requests for it.
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
