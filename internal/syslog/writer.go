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
	return dialAgain(func(ident string) (gsyslog.Syslogger, error) {
		return gsyslog.NewLogger(gsyslog.LOG_INFO, "DAEMON", ident)
	}, ident)
}

// A missing socket is found at once. go-syslog also calls it missing when it has not come
// to connect within dialTime, as on a busy machine.
const (
	dialTime = 20 * time.Millisecond
	maxDials = 5
)

// dialAgain dials again, up to maxDials times, while a failure may only mean lateness.
func dialAgain(dial dialer, ident string) (conn gsyslog.Syslogger, err error) {
	for range maxDials {
		began := time.Now()
		conn, err = dial(ident)
		if err == nil || time.Since(began) < dialTime {
			break
		}
	}
	return conn, err
}

// A syslog daemon that does not read is left alone for minPause, and twice as long after
// each further vain attempt, up to maxPause. A missing socket costs little to try, so it
// is tried for each line; lines that wait because there is no standard error either are
// tried again after such pauses.
const (
	minPause = time.Second
	maxPause = 60 * time.Second
)

// writer belongs to the goroutine of run: nothing in it is shared.
type writer struct {
	Options
	dial dialer
	conn gsyslog.Syslogger

	down  bool          // syslog cannot be reached, and this was logged
	stuck bool          // because its daemon does not read
	away  int           // lines that went to standard error meanwhile
	pause time.Duration // the latest one
	retry time.Time     // when it ends
}

// run writes lines in order until Close, and then what is left up to the
// first line that nobody takes.
func (l *Logger) run(w *writer) {
	defer close(l.done)
	defer w.close()
	for closing := false; ; {
		e, ok := l.head()
		if ok && w.deliver(e) {
			l.pop()
			continue
		}
		if closing {
			return
		}
		more := l.wake
		var again <-chan time.Time
		if ok {
			again = time.After(time.Until(w.retry))
		}
		if ok && w.stuck {
			more = nil
		}
		select {
		case <-more:
		case <-again:
		case <-l.closing:
			closing = true
			w.stuck = false // one last attempt, whatever the pause
		}
	}
}

// deliver gives a line to the syslog daemon, standard error or both, and reports whether
// either took it.
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
	if w.stuck && time.Now().Before(w.retry) {
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
		back := "syslog is back"
		if w.away > 0 {
			back += fmt.Sprintf(" (lines on standard error meanwhile: %d)", w.away)
		}
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
	w.close() // go-syslog would connect anew by itself, but only once: see dialAgain
	stuck := errors.Is(err, os.ErrDeadlineExceeded)
	now := time.Now()
	switch {
	case stuck != w.stuck, now.Sub(w.retry) > maxPause:
		w.rest(now, 0)
	case !now.Before(w.retry): // before that, only a new line has tried the missing socket
		w.rest(now, 2*w.pause)
	}
	w.stuck = stuck
	if w.down {
		return
	}
	w.down = true
	why := "no syslog socket"
	if stuck {
		why = "the syslog daemon does not read"
	}
	w.print(entry{Notice, why + ", logging to standard error"})
}

// rest begins a pause.
func (w *writer) rest(now time.Time, pause time.Duration) {
	w.pause = min(max(pause, minPause), maxPause)
	w.retry = now.Add(w.pause)
}

func (w *writer) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}
