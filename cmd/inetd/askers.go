package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// An upgradeFunc upgrades the daemon, and returns only if it cannot, with the reason. The
// end of ctx gives the upgrade up if it still can be; say is told what the upgrade waits for.
type upgradeFunc func(ctx context.Context, say func(string)) error

// askers are connections that have asked for an upgrade: the next program answers them.
type askers struct {
	sync.Mutex
	conns map[*net.UnixConn]bool
}

// answer upgrades the daemon for a connection, which it tells what the upgrade waits for and
// why it fails; else the next program answers. Whoever hangs up gives the upgrade up.
func (a *askers) answer(conn *net.UnixConn, upgrade upgradeFunc) {
	a.add(conn)
	ctx, giveUp := context.WithCancel(context.Background())
	_ = conn.SetDeadline(time.Time{})
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		giveUp()
	}()
	say := func(text string) {
		_ = conn.SetWriteDeadline(time.Now().Add(askTime))
		fmt.Fprintf(conn, "inetd[%d]: %s\n", os.Getpid(), text)
	}
	err := upgrade(ctx, say)
	a.remove(conn)
	say(fmt.Sprintf("not upgraded: %v\n%s1", err, statusLine))
}

func (a *askers) add(conn *net.UnixConn) {
	a.Lock()
	defer a.Unlock()
	if a.conns == nil {
		a.conns = map[*net.UnixConn]bool{}
	}
	a.conns[conn] = true
}

func (a *askers) remove(conn *net.UnixConn) {
	a.Lock()
	defer a.Unlock()
	delete(a.conns, conn)
}

// descriptors returns the descriptors of all connections that wait.
func (a *askers) descriptors() (fds []int) {
	a.Lock()
	defer a.Unlock()
	for conn := range a.conns {
		fds = append(fds, descriptor(conn))
	}
	return fds
}

// reminding calls remind after a second, two, four and so on, until stop is called,
// which waits for its return.
func reminding(remind func(after time.Duration)) (stop func()) {
	over, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for after, pause := time.Second, time.Second; ; after, pause = 2*after, after {
			select {
			case <-over:
				return
			case <-time.After(pause):
				remind(after)
			}
		}
	}()
	return func() { close(over); <-ended }
}
