package relay

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestSparePipes: some empty pipes are kept for other connections, and the rest are closed.
// A pipe that holds something stays with its connection.
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

// TestLargePipes: no more than maxLarge pipes are large at a time, as the kernel gives a
// user few pages for all pipes.
func TestLargePipes(t *testing.T) {
	var p pipes
	var flows [maxLarge + 1]flow
	size := func(f *flow) int {
		n, err := unix.FcntlInt(uintptr(f.pipe.r), unix.F_GETPIPE_SZ, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range flows {
		if flows[i].pipe = p.get(); flows[i].pipe == nil {
			t.Fatal("there is no pipe")
		}
		defer p.drop(&flows[i])
	}
	first, last := &flows[0], &flows[maxLarge]
	if size(first) <= size(last) {
		t.Errorf("the first holds %d bytes, the last %d", size(first), size(last))
	}
	p.drop(first)
	if first.pipe = p.get(); size(first) <= size(last) {
		t.Errorf("one in the place of a large one holds %d bytes, a small one %d", size(first), size(last))
	}
}

// TestMuchComes: a side that has sent much is spliced from until it sends little. A turn in
// which nothing came does not count as little.
func TestMuchComes(t *testing.T) {
	t.Parallel()
	in, far := pair(t)
	defer unix.Close(in)
	defer unix.Close(far)
	out := null(t)
	defer unix.Close(out)
	r, c := &relay{}, &conn{}
	defer func() {
		for _, p := range r.pipes.spare {
			r.pipes.drop(&flow{pipe: p})
		}
	}()
	f := &c.flows[client]
	for i, step := range []struct {
		sent int
		bulk bool
	}{{littleSize, false}, {readSize, true}, {0, true}, {littleSize, true}, {littleSize - 1, false}, {littleSize, false}} {
		if _, err := write(far, make([]byte, step.sent)); err != nil {
			t.Fatal(err)
		}
		c.sides[client] = side{fd: in, readable: true, exact: true}
		c.sides[place] = side{fd: out, writable: true, given: true, prompt: true}
		if _, err := r.move(c, client); err != nil {
			t.Fatal(err)
		}
		if f.bulk != step.bulk {
			t.Errorf("step %d: much comes: %v", i, f.bulk)
		}
	}
}
