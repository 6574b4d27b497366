package syslog

import (
	"errors"
	"fmt"
	"os"
	"time"

	gsyslog "github.com/hashicorp/go-syslog"
)

// A dialer connects to the syslog daemon.
type dialer func(ident string) (gsyslog.Syslogger, error)

func dialDaemon(ident string) (gsyslog.Syslogger, error) {
	return gsyslog.NewLogger(gsyslog.LOG_INFO, "DAEMON", ident)
}

// After a failure the syslog daemon is left alone for minPause, and twice as
// long after each further one, up to maxPause.
const (
	minPause = time.Second
	maxPause = 60 * time.Second
)

// writer is the goroutine's own: nothing in it is shared.
type writer struct {
	Options
	dial dialer
	conn gsyslog.Syslogger

	down    bool          // syslog cannot be reached, and that was said
	away    int           // lines that went to standard error meanwhile
	failed  time.Time     // when syslog was last tried in vain
	pause   time.Duration // how long to leave it alone since
	closing bool          // the last lines: no pauses
}

// run writes lines in order until Close and then what it can without waiting.
func (l *Logger) run(w *writer) {
	defer close(l.done)
	defer w.close()
	for {
		e, ok := l.head()
		switch {
		case ok && w.deliver(e):
			l.pop()
		case w.closing:
			return
		case ok:
			w.closing = l.sleep(w.wait())
		default:
			w.closing = l.idle()
		}
	}
}

// idle waits for a line and reports whether Close came first.
func (l *Logger) idle() bool {
	select {
	case <-l.wake:
		return false
	case <-l.closing:
		return true
	}
}

// sleep waits for d and reports whether Close came first.
func (l *Logger) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return false
	case <-l.closing:
		return true
	}
}

// deliver brings a line to whoever takes it and reports whether somebody did.
func (w *writer) deliver(e entry) bool {
	if w.Target == Stderr {
		w.print(e)
		return true // when standard error is gone there is nobody to wait for
	}
	sent := w.send(e)
	if sent && !w.Also {
		return true
	}
	printed := w.print(e)
	if printed && !sent {
		w.away++
	}
	return sent || printed
}

// send hands a line to the syslog daemon, unless it is being left alone.
func (w *writer) send(e entry) bool {
	if w.wait() > 0 && !w.closing {
		return false
	}
	if err := w.write(e); err != nil {
		w.fail(err)
		return false
	}
	return true
}

func (w *writer) write(e entry) error {
	if w.conn == nil {
		conn, err := w.dial(w.Ident)
		if err != nil {
			return err
		}
		w.conn = conn
	}
	if w.down {
		back := fmt.Sprintf("syslog is back, %d lines went to standard error meanwhile", w.away)
		if err := w.conn.WriteLevel(gsyslog.Priority(Notice), []byte(back)); err != nil {
			return err
		}
		w.down, w.away = false, 0
	}
	return w.conn.WriteLevel(gsyslog.Priority(e.priority), []byte(e.text))
}

// fail notes a vain attempt. The pause grows even when an attempt succeeded
// in between, or a daemon that cannot keep up would come and go every second.
func (w *writer) fail(err error) {
	now := time.Now()
	if now.Sub(w.failed) > maxPause {
		w.pause = 0
	}
	w.failed, w.pause = now, min(max(2*w.pause, minPause), maxPause)
	if w.down {
		return
	}
	w.down = true
	why := "no syslog socket"
	if errors.Is(err, os.ErrDeadlineExceeded) {
		why = "the syslog daemon does not read"
	}
	w.print(entry{Notice, why + ", logging to standard error"})
}

// wait is how long syslog is still left alone.
func (w *writer) wait() time.Duration {
	if w.pause == 0 {
		return 0
	}
	return time.Until(w.failed.Add(w.pause))
}

func (w *writer) close() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
}
