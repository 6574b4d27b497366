// Package syslog takes lines with a priority and brings them to the system's log
// (facility daemon), or to standard error while there is none. In goes a line; out comes
// one clean line of text: control characters escaped, 8 kB at most. Logging never waits
// for whoever reads the log: lines go through a bounded queue, and what does not fit is
// counted and reported.
package syslog

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Priority is the urgency of a line, with the numbers of syslog(3).
type Priority int

// The priorities the daemon uses, most urgent first. Debug is for access rules that ask
// for it.
const (
	Err Priority = 3 + iota
	Warning
	Notice
	Info
	Debug
)

// Target is where the lines go.
type Target uint8

// The targets.
const (
	Syslog Target = iota // the system's log, and standard error while it cannot be reached
	Stderr               // standard error alone
)

// Options say where a Logger writes and what.
type Options struct {
	Ident  string    // stands before every line, as in "inetd[123]: "
	Target Target    // where lines go
	Also   bool      // with Syslog: the same line on Stderr too
	Level  Priority  // lines less urgent are dropped at once; 0 means Info
	Stderr io.Writer // standard error; if nil or /dev/null, lines wait in the queue for the system's log
}

// Logger queues lines for one goroutine that writes them. All methods may be
// called from any goroutine, and none but Flush and Close ever waits.
type Logger struct {
	level   Priority
	wake    chan struct{} // holds a token when the queue may have lines
	closing chan struct{} // closed by Close
	done    chan struct{} // closed when the writer has ended

	mu     sync.Mutex
	queue  []entry
	lost   int    // lines that found the queue full since the last report
	losses uint64 // since the start
	closed bool
}

// New returns a Logger whose writing goroutine runs until Close. Nothing is
// opened before the first line.
func New(o Options) *Logger {
	return start(o, dialDaemon)
}

func start(o Options, dial dialer) *Logger {
	if o.Level == 0 {
		o.Level = Info
	}
	l := &Logger{
		level:   o.Level,
		wake:    make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go l.run(&writer{Options: o, dial: dial})
	return l
}

// Errorf logs at Err: a service cannot run.
func (l *Logger) Errorf(format string, args ...any) { l.logf(Err, format, args) }

// Warningf logs at Warning: something is odd, the service goes on.
func (l *Logger) Warningf(format string, args ...any) { l.logf(Warning, format, args) }

// Noticef logs at Notice: the normal but significant, such as a start.
func (l *Logger) Noticef(format string, args ...any) { l.logf(Notice, format, args) }

// Infof logs at Info.
func (l *Logger) Infof(format string, args ...any) { l.logf(Info, format, args) }

func (l *Logger) logf(p Priority, format string, args []any) {
	if l.enabled(p) {
		l.push(entry{p, clean(fmt.Sprintf(format, args...))})
	}
}

// Log queues one line. What is not printable in it is escaped, and what is
// over 8 kB is cut.
func (l *Logger) Log(p Priority, line string) {
	if l.enabled(p) {
		l.push(entry{p, clean(line)})
	}
}

// Lost returns how many lines the queue had no room for since the start.
func (l *Logger) Lost() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.losses
}

// enabled reports whether lines of priority p are logged at all.
func (l *Logger) enabled(p Priority) bool { return p <= l.level }

// Flush waits until all lines are written, but no longer than wait.
func (l *Logger) Flush(wait time.Duration) {
	for until := time.Now().Add(wait); time.Now().Before(until); time.Sleep(time.Millisecond) {
		if _, more := l.head(); !more {
			return
		}
	}
}

// Close writes what is queued, gives up after wait, and ends the writing
// goroutine. Lines logged later are dropped.
func (l *Logger) Close(wait time.Duration) {
	if l.shut() {
		close(l.closing)
	}
	select {
	case <-l.done:
	case <-time.After(wait):
	}
}
