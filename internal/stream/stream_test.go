package stream

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/limit"
	"inetd/internal/proxyproto"

	"golang.org/x/sys/unix"
)

// pair returns the two ends of a stream: the client's and the daemon's.
func pair(t testing.TB) (fd int, daemon *Conn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	room := limit.Pool{Size: 1, PerService: 1, PerSource: 1}
	daemon, err = Open(fds[1], room.Enter("a service", limit.Source{}, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { daemon.Close() })
	return fds[0], daemon
}

const most = 256

func send(t testing.TB, fd int, b []byte) {
	t.Helper()
	if n, err := unix.Write(fd, b); err != nil || n != len(b) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
	}
}

func TestReadLine(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", most)
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
		{sent: long + "\n", err: ErrLongLine, rest: "\n"},
		{sent: "date", err: io.ErrUnexpectedEOF},
		{sent: "date\r", err: io.ErrUnexpectedEOF},
		{sent: "", err: io.ErrUnexpectedEOF},
	} {
		for _, whole := range []bool{true, false} {
			client, f := pair(t)
			checkLine(t, client, f, tt.sent, whole, tt.name, tt.rest, tt.err)
		}
	}
}

// checkLine sends to one end, all at once or byte by byte while the other reads.
func checkLine(t *testing.T, client int, f *Conn, sent string, whole bool, name, rest string, want error) {
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
	got, err := f.ReadLine(most)
	<-done
	left, _ := io.ReadAll(f.File)
	if got != name || !errors.Is(err, want) || string(left) != rest {
		t.Errorf("%q: %q, %v, then %q; want %q, %v, %q", sent, got, err, left, name, want, rest)
	}
}

// A client that says nothing is given up.
func TestReadLineDeadline(t *testing.T) {
	t.Parallel()
	client, f := pair(t)
	defer unix.Close(client)
	send(t, client, []byte("dat"))
	f.SetDeadline(time.Now().Add(10 * time.Millisecond))
	if name, err := f.ReadLine(most); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q, %v", name, err)
	}
}

// Whatever comes, in whatever pieces: the first line and not a byte more is
// taken.
func FuzzReadLine(f *testing.F) {
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
		case len(line) >= most:
			line, rest, want = nil, sent[most:], ErrLongLine
		case !ended:
			line, rest, want = nil, nil, io.ErrUnexpectedEOF
		}
		client, f := pair(t)
		at := min(int(cut), len(sent))
		send(t, client, sent[:at])
		go func() {
			unix.Write(client, sent[at:])
			unix.Close(client)
		}()
		name, err := f.ReadLine(most)
		left, _ := io.ReadAll(f.File)
		if name != string(bytes.TrimSuffix(line, []byte("\r"))) || !errors.Is(err, want) || !bytes.Equal(left, rest) {
			t.Errorf("%q: %q, %v, then %q; want %q, %v, %q", sent, name, err, left, line, want, rest)
		}
	})
}

// What is sent last arrives, though the client has sent more than was read.
func TestDismiss(t *testing.T) {
	t.Parallel()
	client, f := pair(t)
	defer unix.Close(client)
	send(t, client, []byte("name\nunread"))
	if _, err := f.ReadLine(most); err != nil {
		t.Fatal(err)
	}
	f.SetDeadline(time.Now().Add(10 * time.Second))
	done := make(chan struct{})
	go func() {
		f.Dismiss("-sorry\r\n")
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

// header is what a proxy says of a client that connects to 198.51.100.1:25.
func header(client string) proxyproto.Header {
	return proxyproto.Header{Source: netip.MustParseAddrPort(client), Dest: netip.MustParseAddrPort("198.51.100.1:25")}
}

// TestReceiveHeader: wherever the network splits a header and what follows it, all of
// the header is taken and nothing else.
func TestReceiveHeader(t *testing.T) {
	t.Parallel()
	const payload = "PROXY payload\r\n"
	long := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x02\x0c" + strings.Repeat("12345678", 65) + "1234"
	for _, text := range []string{
		string(proxyproto.Append1(nil, header("192.0.2.1:4096"))),
		string(proxyproto.Append2(nil, header("192.0.2.1:4096"))), string(proxyproto.Append2(nil, header("[2001:db8::1]:9"))), long, "PROXY UNKNOWN\r\n",
	} {
		all := text + payload
		for i := range len(all) {
			for _, j := range []int{i, i + 1, (i + len(all)) / 2, len(all)} {
				j = min(j, len(all))
				fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
				if err != nil {
					t.Fatal(err)
				}
				var have []byte
				n := 0
				for _, part := range []string{all[:i], all[i:j], all[j:]} {
					unix.Write(fds[0], []byte(part))
					for n == 0 && err == nil {
						_, n, have, err = receiveHeader(fds[1], have)
					}
					if err == unix.EAGAIN {
						err = nil
					}
				}
				rest := make([]byte, 2*len(all))
				m, _ := unix.Read(fds[1], rest)
				if err != nil || n != len(text) || string(have) != text || string(rest[:max(m, 0)]) != payload {
					t.Fatalf("split at %d and %d: length %d of %d, %v, the rest is %q", i, j, n, len(text), err, rest[:max(m, 0)])
				}
				unix.Close(fds[0])
				unix.Close(fds[1])
			}
		}
	}
}
