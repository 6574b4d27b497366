package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// crowd is a number of clients who connect to an echoing service over and over.
type crowd struct {
	stop   atomic.Bool
	served atomic.Int64
	wg     sync.WaitGroup
	mu     sync.Mutex
	err    error // the first
}

// newCrowd has clients connect until stop is set, or limit connections have
// been made altogether.
func newCrowd(clients int, limit int64, network, addr string) *crowd {
	c := &crowd{}
	var begun atomic.Int64
	for range clients {
		c.wg.Go(func() {
			for !c.stop.Load() && begun.Add(1) <= limit {
				if err := echoOnce(network, addr); err != nil {
					c.fail(err)
					return
				}
				c.served.Add(1)
			}
		})
	}
	return c
}

func (c *crowd) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.stop.Store(true)
}

// end waits for the clients and returns the first error of one.
func (c *crowd) end() error {
	c.wg.Wait()
	return c.err
}

// echoOnce expects its words back and then the end.
func echoOnce(network, addr string) error {
	conn, err := net.DialTimeout(network, addr, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	const words = "are you there?\n"
	if _, err := io.WriteString(conn, words); err != nil {
		return err
	}
	answer, err := readAnswer(conn)
	if err == nil && string(answer) != words {
		err = fmt.Errorf("answer %q", answer)
	}
	return err
}

func cmdRush(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	n, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	ts.Check(newCrowd(8, n, args[1], args[2]).end())
}

func cmdLoad(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	b := benchOf(ts)
	if b.crowd != nil {
		ts.Fatalf("there is a load already")
	}
	c := newCrowd(4, 1<<62, args[0], args[1])
	b.crowd = c
	ts.Defer(func() {
		c.stop.Store(true)
		c.wg.Wait()
	})
}

func cmdUnload(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	c := benchOf(ts).crowd
	c.stop.Store(true)
	ts.Check(c.end())
	ts.Logf("%d connections served", c.served.Load())
	if c.served.Load() == 0 {
		ts.Fatalf("nobody was served")
	}
	benchOf(ts).crowd = nil
}
