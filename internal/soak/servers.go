package main

import "golang.org/x/sys/unix"

// servers are the servers of wait services. They leave their socket as it was.
var servers = map[string]func(){
	"accept":   acceptOne,
	"datagram": answerOne,
}

// acceptOne accepts one connection and echoes it.
func acceptOne() {
	c, _, err := unix.Accept(0)
	if err != nil {
		return
	}
	b := make([]byte, 100)
	for {
		n, err := unix.Read(c, b)
		if n <= 0 || err != nil {
			return
		}
		_, _ = unix.Write(c, b[:n])
	}
}

// answerOne answers one datagram that is not empty.
func answerOne() {
	b := make([]byte, 100)
	n, from, err := unix.Recvfrom(0, b, 0)
	if err == nil && n > 0 {
		_ = unix.Sendto(0, b[:n], 0, from)
	}
}
