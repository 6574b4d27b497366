package builtin

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// peer is a connection. Its other end sends what Reader has, and takes up to limit bytes.
type peer struct {
	io.Reader
	out   bytes.Buffer
	limit int
}

var errGone = errors.New("peer is gone")

func (p *peer) Write(b []byte) (int, error) {
	n := min(len(b), p.limit-p.out.Len())
	p.out.Write(b[:n])
	if n < len(b) {
		return n, errGone
	}
	return n, nil
}

func lookup(t testing.TB, name string) Service {
	t.Helper()
	s, ok := Lookup(name, time.Now)
	if !ok || s.Name != name {
		t.Fatalf("Lookup(%q) = %q, %v", name, s.Name, ok)
	}
	return s
}

func TestLookup(t *testing.T) {
	t.Parallel()
	want := []string{"echo", "discard", "chargen", "daytime", "time"}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Errorf("Names() (-want +got):\n%s", diff)
	}
	for _, name := range Names() {
		s := lookup(t, name)
		if s.Stream == nil || s.Reply == nil {
			t.Errorf("%s lacks its stream or its datagram form", name)
		}
		if isBrief := name == "daytime" || name == "time"; (s.Brief != nil) != isBrief {
			t.Errorf("%s: has Brief = %v, want %v", name, s.Brief != nil, isBrief)
		}
	}
	for _, name := range []string{"", "Echo", "qotd"} {
		if _, ok := Lookup(name, time.Now); ok {
			t.Errorf("Lookup(%q) found something", name)
		}
	}
}

func TestEchoAndDiscard(t *testing.T) {
	t.Parallel()
	readers := []struct {
		name string
		wrap func(io.Reader) io.Reader
	}{
		{"whole", func(r io.Reader) io.Reader { return r }},
		{"bytewise", iotest.OneByteReader},
		{"halves", iotest.HalfReader},
		{"data with end", iotest.DataErrReader},
	}
	for _, size := range []int{0, 1, quietSize - 1, quietSize, quietSize + 1, quietSize + bulkSize, 3*bulkSize + 5} {
		text := bytes.Repeat([]byte("\x00\xff\r\nabc"), size/7+1)[:size]
		for _, r := range readers {
			p := &peer{Reader: r.wrap(bytes.NewReader(text)), limit: size}
			if err := lookup(t, "echo").Stream(p); err != nil {
				t.Errorf("echo %d bytes %s: %v", size, r.name, err)
			}
			if !bytes.Equal(p.out.Bytes(), text) {
				t.Errorf("echo %d bytes %s: got %d other bytes", size, r.name, p.out.Len())
			}
			p = &peer{Reader: r.wrap(bytes.NewReader(text))}
			if err := lookup(t, "discard").Stream(p); err != nil {
				t.Errorf("discard %d bytes %s: %v", size, r.name, err)
			}
		}
	}
}

// sizes is a reader that notes how much each read could have returned.
type sizes struct {
	io.Reader
	seen []int
}

func (s *sizes) Read(b []byte) (int, error) {
	s.seen = append(s.seen, len(b))
	return s.Reader.Read(b)
}

// Whoever waits for a quiet peer holds no large buffer, not even after a large transfer.
func TestQuietConnectionsAreSmall(t *testing.T) {
	t.Parallel()
	parts := io.MultiReader(strings.NewReader("hello"), bytes.NewReader(make([]byte, bulkSize)), strings.NewReader("bye"))
	r := &sizes{Reader: parts}
	if err := pump(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	want := []int{quietSize, quietSize, bulkSize, bulkSize, quietSize}
	if diff := cmp.Diff(want, r.seen); diff != "" {
		t.Errorf("buffers (-want +got):\n%s", diff)
	}
}

func TestStreamErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("read broken")
	tests := []struct {
		name string
		peer *peer
		want error
	}{
		{"echo", &peer{Reader: strings.NewReader("abc"), limit: 2}, errGone},
		{"echo", &peer{Reader: bytes.NewReader(make([]byte, 2*bulkSize)), limit: bulkSize}, errGone},
		{"echo", &peer{Reader: iotest.ErrReader(broken)}, broken},
		{"discard", &peer{Reader: iotest.ErrReader(broken)}, broken},
		{"discard", &peer{Reader: io.MultiReader(bytes.NewReader(make([]byte, bulkSize)), iotest.ErrReader(broken))}, broken},
		{"chargen", &peer{limit: 10}, errGone},
		{"daytime", &peer{limit: 10}, errGone},
		{"time", &peer{limit: 3}, errGone},
	}
	for _, tt := range tests {
		if err := lookup(t, tt.name).Stream(tt.peer); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestReply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, req, want string
		ok              bool
	}{
		{"echo", "abc\x00", ">abc\x00", true},
		{"echo", "", ">", true},
		{"discard", "abc", ">", false},
		{"discard", "", ">", false},
	}
	for _, tt := range tests {
		got, ok := lookup(t, tt.name).Reply([]byte(">"), []byte(tt.req))
		if string(got) != tt.want || ok != tt.ok {
			t.Errorf("%s reply to %q = %q, %v; want %q, %v", tt.name, tt.req, got, ok, tt.want, tt.ok)
		}
	}
}

// The first two lines and the last are those that RFC 864 prints, except that
// its ring starts with the blank at its end.
const (
	line0  = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"
	line1  = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n"
	line94 = "~ !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdef\r\n"
)

func checkLines(t *testing.T, lines []string) {
	t.Helper()
	want := map[int]string{0: line0, 1: line1, 94: line94}
	for i, line := range lines {
		if w, ok := want[i%95]; ok && line != w {
			t.Fatalf("line %d = %q, want %q", i, line, w)
		}
		if i > 0 && (len(line) != 74 || line[:71] != lines[i-1][1:72]) {
			t.Fatalf("line %d = %q does not follow %q", i, line, lines[i-1])
		}
	}
}

func TestChargenStream(t *testing.T) {
	t.Parallel()
	const lines = 2500 // more than two writes
	p := &peer{limit: lines * 74}
	if err := lookup(t, "chargen").Stream(p); err != errGone {
		t.Fatalf("ended with %v, want the peer's error", err)
	}
	got := strings.SplitAfter(p.out.String(), "\n")
	checkLines(t, got[:lines])
}

func TestChargenReply(t *testing.T) {
	t.Parallel()
	s, other := lookup(t, "chargen"), lookup(t, "chargen")
	var got []string
	for range 200 {
		line, ok := s.Reply(nil, []byte("whatever"))
		if !ok {
			t.Fatal("no reply")
		}
		got = append(got, string(line))
	}
	checkLines(t, got)
	if line, _ := other.Reply([]byte(">"), nil); string(line) != ">"+line0 {
		t.Errorf("another socket starts with %q", line)
	}
}

func TestBrief(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		now  time.Time
		want string
	}{
		{"daytime", time.Date(2026, 3, 7, 14, 5, 6, 0, time.Local), "Sat Mar  7 14:05:06 2026\r\n"},
		{"daytime", time.Date(2027, 12, 31, 23, 59, 59, 999, time.Local), "Fri Dec 31 23:59:59 2027\r\n"},
		{"time", time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), "\xce\xe7\xb9\x80"},
		{"time", time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC), "\xff\xff\xff\xff"},
		{"time", time.Date(2036, 2, 7, 6, 28, 16, 0, time.UTC), "\x00\x00\x00\x00"},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(tt.now))
			s, p := lookup(t, tt.name), &peer{limit: 100}
			if err := s.Stream(p); err != nil || p.out.String() != tt.want {
				t.Errorf("%s at %v sends %q, %v; want %q", tt.name, tt.now, p.out.String(), err, tt.want)
			}
			if got := s.Brief([]byte(">")); string(got) != ">"+tt.want {
				t.Errorf("%s at %v is briefly %q, want %q", tt.name, tt.now, got, ">"+tt.want)
			}
			if got, ok := s.Reply([]byte(">"), nil); string(got) != ">"+tt.want || !ok {
				t.Errorf("%s at %v replies %q, %v; want %q", tt.name, tt.now, got, ok, ">"+tt.want)
			}
		})
	}
}
