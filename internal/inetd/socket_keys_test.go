package inetd

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestSocketKeys: a listening socket has what the keys ask for, whether they are written in
// the entry or amend it.
func TestSocketKeys(t *testing.T) {
	for _, tt := range []struct {
		key  string
		want int
		get  func(fd int) (int, error)
	}{
		{"sndbuf = 32k", 2 * 32768, integer(unix.SOL_SOCKET, unix.SO_SNDBUF)}, // the kernel doubles it (socket(7))
		{"recvbuf = 48k", 2 * 49152, integer(unix.SOL_SOCKET, unix.SO_RCVBUF)},
		{"acceptfilter = dataready", 1, integer(unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT)},
		{"backlog = 77", 77, func(fd int) (int, error) {
			info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
			return int(info.Sacked), err // the backlog, for a listening socket (tcp_get_info)
		}},
	} {
		for _, conf := range []string{
			keyed("-", tt.key, "true"),
			shServer + "true\n127.0.0.1:PORT with " + tt.key + ";\n",
			shServer + "true\n* with " + tt.key + ";\n",
		} {
			sc := newScene(t, conf, nil)
			sc.start()
			got, err := tt.get(int(sc.s.now.Services[0].First.FD))
			if err != nil || got < tt.want || tt.key != "acceptfilter = dataready" && got != tt.want {
				t.Errorf("%s: %d, %v, want %d", conf, got, err, tt.want)
			}
		}
	}
}

// integer returns a function that gets an option of a socket.
func integer(level, option int) func(fd int) (int, error) {
	return func(fd int) (int, error) { return unix.GetsockoptInt(fd, level, option) }
}

// TestSourceMax: a source has no more servers at once than the key source_max says.
func TestSourceMax(t *testing.T) {
	sc := newScene(t, keyed("-", "source_max = 1", "cat"), nil)
	sc.start()
	for _, from := range []string{"127.0.0.2", "127.0.0.2", "127.0.0.3"} {
		dialFrom(t, from, "127.0.0.1:"+sc.port)
	}
	u := sc.s.now.Services[0].Usage()
	for u.Started < 2 || u.Refused.Limit < 1 {
		sc.s.turn()
	}
	sc.wantLog(`from 127\.0\.0\.2 exceeded counts \(limit 1, .*inetd\.conf:1\)`)
}
