package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// cmdBarrage wants each datagram answered once, to its sender.
func cmdBarrage(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	var n [3]int
	for i := range n {
		var err error
		n[i], err = strconv.Atoi(args[i])
		ts.Check(err)
	}
	errs := make([]error, n[0])
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = volley(fmt.Sprintf("client%d", i), n[1], n[2], args[3], args[4]) })
	}
	wg.Wait()
	ts.Check(errors.Join(errs...))
}

// volley sends n datagrams, of which up to window may be unanswered at a time.
func volley(name string, n, window int, network, addr string) error {
	conn, err := net.Dial(network, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	waiting := map[string]bool{}
	b := make([]byte, 100)
	for sent, answered := 0, 0; answered < n; {
		if sent < n && len(waiting) < window {
			text := fmt.Sprintf("%s-%d", name, sent)
			if _, err := conn.Write([]byte(text)); err != nil {
				return err
			}
			waiting[text] = true
			sent++
			continue
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		size, err := conn.Read(b)
		if err != nil {
			return fmt.Errorf("%d of %d answered: %w", answered, n, err)
		}
		text := string(b[:size])
		text = text[strings.LastIndex(text, " ")+1:] // t-dgram puts a number before it
		if !waiting[text] {
			return fmt.Errorf("%s has the answer %q", name, b[:size])
		}
		delete(waiting, text)
		answered++
	}
	return nil
}

// answerDatagrams is a server that answers as many datagrams as its argument says, or until
// "bye" if that is 0. It echoes each datagram after its number; to $NAME it answers with
// that variable of its environment. It gives up when its client is quiet for long.
func answerDatagrams() {
	limit, err := strconv.Atoi(os.Args[1])
	exitOn(err)
	exitOn(unix.SetsockoptTimeval(0, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}))
	b := make([]byte, 1<<16)
	for i := 1; limit == 0 || i <= limit; i++ {
		n, from, err := unix.Recvfrom(0, b, 0)
		for err == unix.EINTR { // the kernel does not restart a call with a time-out after a signal, such as Go's own
			n, from, err = unix.Recvfrom(0, b, 0)
		}
		exitOn(err)
		text := string(b[:n])
		answer := fmt.Sprintf("%d %s", i, text)
		if name, ok := strings.CutPrefix(text, "$"); ok {
			answer = os.Getenv(name)
		}
		exitOn(unix.Sendto(0, []byte(answer), 0, from))
		if limit == 0 && text == "bye" {
			return
		}
	}
}
