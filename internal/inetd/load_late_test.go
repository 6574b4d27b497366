package inetd

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"inetd/internal/logbook/booktest"
	"inetd/internal/syslog"
	"inetd/internal/wrap/dnstest"
)

// TestSilentNameServer: entries that need no name are served while a name server does not
// answer, the log says what is waited for, and the other entries are served later.
func TestSilentNameServer(t *testing.T) {
	if !inNetwork(t) { // to have a process whose resolver this test can set
		return
	}
	ip(t, "link set lo up")
	answers := make(chan struct{})
	inner := dnstest.Resolver(t, nil, map[string]string{"late.example.": "127.0.0.2"})
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case <-answers:
			return inner.Dial(ctx, network, addr)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	log := new(booktest.Buffer)
	daemon(t, "", `127.0.0.1:7001 stream tcp nowait - internal echo
late.example:7002 stream tcp nowait - internal echo
late.example:7003 stream tcp nowait - internal echo
`, func(s *Server) { s.log.Logger = syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: log}) })
	served(t, "127.0.0.1:7001")
	eventually(t, func() error {
		if n := strings.Count(log.String(), "late.example"); n != 1 {
			return fmt.Errorf("the log names the host %d times:\n%s", n, log)
		}
		return nil
	})
	close(answers)
	served(t, "127.0.0.2:7002")
	served(t, "127.0.0.2:7003")
}

// served waits until an echo service answers.
func served(t *testing.T, addr string) {
	t.Helper()
	eventually(t, func() error {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			defer conn.Close()
			echoed(t, conn, "hello")
		}
		return err
	})
}

// eventually calls f until it returns no error.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
