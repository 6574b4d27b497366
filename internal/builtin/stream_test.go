package builtin

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"inetd/internal/sock/socktest"
)

// socketpair returns the two ends of a connected pair of stream sockets.
func socketpair(t testing.TB) (server, client net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fileConn(t, fds[0]), fileConn(t, fds[1])
}

func fileConn(t testing.TB, fd int) net.Conn {
	t.Helper()
	f := os.NewFile(uintptr(fd), "connection")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// loopback returns the two ends of a TCP connection.
func loopback(t testing.TB) (server, client net.Conn) {
	t.Helper()
	conn, fd := socktest.Connection(t)
	conn.SetDeadline(time.Time{}) // a benchmark may take long
	return fileConn(t, fd), conn
}

// A peer that has sent its last byte still gets all of it back, and a stream ends when
// its peer goes away.
func TestStreamsOverSockets(t *testing.T) {
	t.Parallel()
	server, client := loopback(t)
	done := make(chan error, 1)
	go func() { done <- lookup(t, "echo").Stream(server); server.Close() }()
	go func() {
		client.Write(make([]byte, 5*bulkSize))
		client.(*net.TCPConn).CloseWrite()
	}()
	if got, err := io.ReadAll(client); len(got) != 5*bulkSize || err != nil {
		t.Errorf("echo returned %d bytes, %v; want %d", len(got), err, 5*bulkSize)
	}
	if err := <-done; err != nil {
		t.Errorf("echo ended with %v", err)
	}

	source, client := socketpair(t)
	go func() { done <- lookup(t, "chargen").Stream(source) }()
	if _, err := io.ReadFull(client, make([]byte, 1<<20)); err != nil {
		t.Errorf("chargen: %v", err)
	}
	client.Close()
	if err := <-done; err == nil {
		t.Error("chargen ended without an error")
	}
}

const chunk = 256 << 10

func benchmarkStream(b *testing.B, name string, client func(b *testing.B, conn net.Conn)) {
	ends := map[string]func(testing.TB) (net.Conn, net.Conn){"unix": socketpair, "tcp": loopback}
	for network, connect := range ends {
		b.Run(network, func(b *testing.B) {
			server, conn := connect(b)
			go func() { lookup(b, name).Stream(server); server.Close() }()
			b.SetBytes(chunk)
			b.ReportAllocs()
			b.ResetTimer()
			client(b, conn)
		})
	}
}

func send(b *testing.B, conn net.Conn) {
	buf := make([]byte, chunk)
	for range b.N {
		conn.Write(buf)
	}
	conn.(interface{ CloseWrite() error }).CloseWrite()
}

func receive(b *testing.B, conn net.Conn) {
	buf := make([]byte, chunk)
	for range b.N {
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChargen(b *testing.B) { benchmarkStream(b, "chargen", receive) }

func BenchmarkEcho(b *testing.B) {
	benchmarkStream(b, "echo", func(b *testing.B, conn net.Conn) {
		go send(b, conn)
		receive(b, conn)
	})
}

func BenchmarkDiscard(b *testing.B) {
	benchmarkStream(b, "discard", func(b *testing.B, conn net.Conn) {
		send(b, conn)
		io.Copy(io.Discard, conn) // until all has been read
	})
}
