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

// An upgradeFunc returns only if there is no upgrade, with the reason. The end of ctx
// gives it up while that is possible, and say is told what it waits for.
type upgradeFunc func(ctx context.Context, say func(string)) error

// askers are connections whose answer comes from the next program.
type askers struct {
	sync.Mutex
	conns map[*net.UnixConn]bool
}

// answer tells who has asked what an upgrade waits for, and answers if there is none;
// else the next program does. Who hangs up no longer wants it.
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

// descriptors are those of all who wait.
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
