// Package booktest helps to test code that writes to a log. It has a logbook whose lines
// can be read, of a configuration file called inetd.conf, and a Buffer for other logs.
package booktest

import (
	"strings"
	"sync"
	"testing"
	"time"

	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Book is a logbook that keeps its lines.
type Book struct {
	*logbook.Book
	Timers *loop.Timers
	Now    *table.InForce

	lines Buffer
}

// New makes a Book, which is closed at the end of the test.
func New(t testing.TB) *Book {
	b := &Book{Timers: new(loop.Timers), Now: &table.InForce{Generation: &table.Generation{Names: []string{"inetd.conf"}}}}
	log := syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: &b.lines})
	t.Cleanup(func() { log.Close(time.Second) })
	b.Book = logbook.New(log, b.Timers, b.Now)
	return b
}

// Lines returns the lines written so far, without the name of the program, each with its
// newline.
func (b *Book) Lines() string {
	b.Flush(20 * time.Second)
	var text strings.Builder
	for line := range strings.Lines(b.lines.String()) {
		_, line, _ = strings.Cut(line, "]: ")
		text.WriteString(line)
	}
	return text.String()
}

// Buffer keeps what a log writes. Any goroutine may use it, since a log writes from one of
// its own.
type Buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write appends to the buffer.
func (l *Buffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String returns all that was written.
func (l *Buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
