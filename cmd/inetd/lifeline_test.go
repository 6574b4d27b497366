package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

// lifeline ends the daemons and servers of a test when the test process is gone, however it
// ended: they keep a connection to the socket of the lifeline.
type lifeline struct {
	name string
	l    net.Listener
	held []net.Conn
}

const lifelineEnv = "INETD_TEST_LIFELINE"

func newLifeline(of string) (*lifeline, error) {
	name := fmt.Sprintf("@inetd-test-%d-%s", os.Getpid(), of)
	l, err := net.Listen("unix", name)
	if err != nil {
		return nil, err
	}
	life := &lifeline{name: name, l: l}
	go life.hold()
	return life, nil
}

func (l *lifeline) hold() {
	for {
		conn, err := l.l.Accept()
		if err != nil {
			return
		}
		l.held = append(l.held, conn) // lest it be collected and closed
	}
}

// holdLifeline is called by the program under test, and by its servers, because a daemon
// that ends leaves its servers alone.
func holdLifeline() {
	name := os.Getenv(lifelineEnv)
	if name == "" {
		return
	}
	conn, err := net.Dial("unix", name)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lifeline:", err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		os.Exit(1)
	}()
}
