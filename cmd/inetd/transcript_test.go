package main

import (
	"errors"
	"io"
	"regexp"
	"sync"
	"time"
)

// transcript is what was read from somewhere so far, by a goroutine that ends
// when there is no more.
type transcript struct {
	mu    sync.Mutex
	data  []byte
	found int           // the end of the last match
	ended bool          // no more will come
	more  chan struct{} // closed at the next change
}

func newTranscript(r io.ReadCloser) *transcript {
	t := &transcript{more: make(chan struct{})}
	go t.read(r)
	return t
}

func (t *transcript) read(r io.ReadCloser) {
	defer r.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := r.Read(buf)
		t.mu.Lock()
		t.data = append(t.data, buf[:n]...)
		t.ended = err != nil
		close(t.more)
		t.more = make(chan struct{})
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// find waits for a match after the last match, and returns what was read between the ends
// of the two.
func (t *transcript) find(pattern *regexp.Regexp) (passed string, err error) {
	return passed, t.wait(func() bool {
		match := pattern.FindIndex(t.data[t.found:])
		if match != nil {
			passed = string(t.data[t.found:][:match[1]])
			t.found += match[1]
		}
		return match != nil
	})
}

// waitOver waits until no more can come.
func (t *transcript) waitOver() error {
	return t.wait(func() bool { return t.ended })
}

func (t *transcript) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ended
}

func (t *transcript) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}

// wait waits until holds returns true. It calls holds with the lock held.
func (t *transcript) wait(holds func() bool) error {
	deadline := time.After(patience)
	t.mu.Lock()
	defer t.mu.Unlock()
	for !holds() {
		if t.ended {
			return errors.New("it has ended")
		}
		more := t.more
		t.mu.Unlock()
		select {
		case <-more:
			t.mu.Lock()
		case <-deadline:
			t.mu.Lock()
			return errors.New("waited in vain")
		}
	}
	return nil
}
