package inetd

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReloadTakesDeferBack: an accept filter that a reload takes out of the entry is taken
// from the socket. With it a client that lets the server speak first waits for 30 s.
func TestReloadTakesDeferBack(t *testing.T) {
	file := oneService(t)
	plain, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := serving(t, file)
	for _, filter := range []bool{true, false} {
		text := string(plain)
		if filter {
			text = strings.Replace(text, "stream", "stream:dataready", 1)
		}
		writeConf(t, file, text)
		reloaded(t, s)
		seconds, err := unix.GetsockoptInt(int(s.now.Services[0].First.FD), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT)
		if err != nil || seconds > 0 != filter {
			t.Errorf("filter %v: %d s, %v", filter, seconds, err)
		}
	}
}
