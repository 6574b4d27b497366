package inetd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/limit"
	"inetd/internal/plan"

	"golang.org/x/sys/unix"
)

// streamPair returns the two ends of a stream: the client's and the daemon's.
func streamPair(t testing.TB) (fd int, daemon *connection) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	room := builtinPool()
	daemon, err = stream(client{conn: fds[1], room: room.Enter(plan.MuxName, limit.Source{}, time.Now())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Close() })
	return fds[0], daemon
}

func send(t testing.TB, fd int, b []byte) {
	t.Helper()
	if n, err := unix.Write(fd, b); err != nil || n != len(b) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
	}
}

func TestReadName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxMuxLine)
	for _, tt := range []struct {
		sent, name, rest string
		err              error
	}{
		{sent: "date\r\n", name: "date"},
		{sent: "date\n", name: "date"},
		{sent: "\r\n"},
		{sent: "Date\r\r\n", name: "Date\r"},
		{sent: " a b\r\nand\nmore", name: " a b", rest: "and\nmore"},
		{sent: "a\n\n", name: "a", rest: "\n"},
		{sent: "a\x00\xff\n", name: "a\x00\xff"},
		{sent: long[1:] + "\n" + "rest", name: long[1:], rest: "rest"},
		{sent: long + "\n", err: errLongName, rest: "\n"},
		{sent: "date", err: io.ErrUnexpectedEOF},
		{sent: "date\r", err: io.ErrUnexpectedEOF},
		{sent: "", err: io.ErrUnexpectedEOF},
	} {
		for _, whole := range []bool{true, false} {
			client, f := streamPair(t)
			checkName(t, client, f, tt.sent, whole, tt.name, tt.rest, tt.err)
		}
	}
}

// checkName sends to one end, all at once or byte by byte while the other reads.
func checkName(t *testing.T, client int, f *connection, sent string, whole bool, name, rest string, want error) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(client)
		size := 1
		if whole {
			size = max(len(sent), 1)
		}
		for b := []byte(sent); len(b) > 0; b = b[size:] {
			send(t, client, b[:size])
		}
	}()
	got, err := readName(f)
	<-done
	left, _ := io.ReadAll(f.File)
	if got != name || !errors.Is(err, want) || string(left) != rest {
		t.Errorf("%q: %q, %v, then %q; want %q, %v, %q", sent, got, err, left, name, want, rest)
	}
}

// A client that says nothing is given up.
func TestReadNameDeadline(t *testing.T) {
	t.Parallel()
	client, f := streamPair(t)
	defer unix.Close(client)
	send(t, client, []byte("dat"))
	f.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if name, err := readName(f); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v", name, err)
	}
}

// Whatever comes, in whatever pieces: the first line and not a byte more is
// taken.
func FuzzReadName(f *testing.F) {
	f.Add([]byte("date\r\nrest"), uint8(3))
	f.Add([]byte("no end"), uint8(0))
	f.Add(bytes.Repeat([]byte("x"), 300), uint8(200))
	f.Add([]byte("\n\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, sent []byte, cut uint8) {
		if len(sent) > 4096 {
			return
		}
		line, rest, ended := bytes.Cut(sent, []byte("\n"))
		var want error
		switch {
		case len(line) >= maxMuxLine:
			line, rest, want = nil, sent[maxMuxLine:], errLongName
		case !ended:
			line, rest, want = nil, nil, io.ErrUnexpectedEOF
		}
		client, f := streamPair(t)
		at := min(int(cut), len(sent))
		send(t, client, sent[:at])
		go func() {
			unix.Write(client, sent[at:])
			unix.Close(client)
		}()
		name, err := readName(f)
		left, _ := io.ReadAll(f.File)
		if name != string(bytes.TrimSuffix(line, []byte("\r"))) || !errors.Is(err, want) || !bytes.Equal(left, rest) {
			t.Errorf("%q: %q, %v, then %q; want %q, %v, %q", sent, name, err, left, line, want, rest)
		}
	})
}

// What is sent last arrives, though the client has sent more than was read.
func TestDismiss(t *testing.T) {
	t.Parallel()
	client, f := streamPair(t)
	defer unix.Close(client)
	send(t, client, []byte("name\nunread"))
	if _, err := readName(f); err != nil {
		t.Fatal(err)
	}
	f.SetDeadline(time.Now().Add(10 * time.Second))
	done := make(chan struct{})
	go func() {
		f.dismiss("-sorry\r\n")
		close(done)
	}()
	var got []byte
	for b := make([]byte, 100); ; {
		n, err := unix.Read(client, b)
		if n <= 0 {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		got = append(got, b[:n]...)
	}
	if string(got) != "-sorry\r\n" {
		t.Errorf("%q", got)
	}
	unix.Shutdown(client, unix.SHUT_WR)
	<-done
}

// A reload neither frees a service that is suspended nor forgets its servers.
func TestInheritMux(t *testing.T) {
	t.Parallel()
	was, now, added := &service{label: "tcpmux/a"}, &service{label: "tcpmux/a"}, &service{label: "tcpmux/b"}
	was.usage().Live = 3
	s := &Server{now: &generation{}}
	g := &generation{mux: []*service{was}}
	s.inheritMux(g) // the first load
	s.now = g
	s.inheritMux(&generation{mux: []*service{added, now}})
	if now.used != was.used || added.used != nil {
		t.Errorf("%v and %v", now.used, added.used)
	}
}
