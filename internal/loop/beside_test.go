package loop

import (
	"context"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBeside: work is counted until it is done, and its context ends in time.
func TestBeside(t *testing.T) {
	t.Parallel()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	m := NewMailbox(fd)
	b := NewBeside(m, 1)
	if b.Full() {
		t.Error("full at the beginning")
	}
	order := ""
	b.Do(0, func(ctx context.Context) { <-ctx.Done(); order += "work" }, func() { order += ", done" })
	if !b.Full() || b.Len() != 1 {
		t.Errorf("full %v, %d under way", b.Full(), b.Len())
	}
	collect(t, m)
	if order != "work, done" || b.Full() || b.Len() != 0 {
		t.Errorf("%s; full %v, %d under way", order, b.Full(), b.Len())
	}
}
