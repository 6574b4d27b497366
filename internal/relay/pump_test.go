package relay

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestSparePipes: some empty pipes are kept for other connections, and the others closed;
// one that holds something stays with its connection.
func TestSparePipes(t *testing.T) {
	var p pipes
	var all []*pipe
	for range maxSpare + 1 {
		one := p.get()
		if one == nil {
			t.Fatal("there is no pipe")
		}
		all = append(all, one)
	}
	for _, one := range all {
		one.holds = 1
		f := flow{pipe: one}
		if p.putBack(&f); f.pipe != one {
			t.Fatal("a pipe with bytes in it is taken back")
		}
		one.holds = 0
		if p.putBack(&f); f.pipe != nil {
			t.Fatal("an empty pipe is not taken back")
		}
	}
	if len(p.spare) != maxSpare {
		t.Errorf("%d are kept", len(p.spare))
	}
	for i, one := range all {
		for _, fd := range []int{one.r, one.w} {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); (err == unix.EBADF) != (i == maxSpare) {
				t.Errorf("pipe %d: %v", i, err)
			}
		}
	}
	for _, one := range p.spare {
		p.drop(&flow{pipe: one})
	}
}
