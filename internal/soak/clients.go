package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// kind is a kind of service, with what its clients do.
type kind struct {
	name   string
	visit  func() error
	served atomic.Int64
	lost   atomic.Int64
	first  atomic.Pointer[error]
}

const (
	clients    = 8
	clientTime = time.Minute     // for one visit, even in one of the daemon's bad moments
	again      = 2 * time.Second // until a datagram is sent once more: UDP promises nothing
)

// kinds are the kinds of the services that stay.
func (d *daemon) kinds() []*kind {
	stream := func(network, addr, preface string) func() error {
		return func() error { return echo(network, addr, preface) }
	}
	return []*kind{
		{name: "nowait stream", visit: stream("tcp4", d.addr(0), "")},
		{name: "wait stream", visit: stream("tcp4", d.addr(1), "")},
		{name: "nowait dgram", visit: func() error { return exchange(d.addr(2)) }},
		{name: "wait dgram", visit: func() error { return exchange(d.addr(3)) }},
		{name: "unix", visit: stream("unix", d.path("unix"), "")},
		{name: "tcpmux", visit: stream("tcp4", d.addr(4), "cat\r\n")},
		{name: "internal echo", visit: stream("tcp4", d.addr(5), "")},
		{name: "rpc", visit: func() error { return d.visitProgram() }},
	}
}

const words = "are you there?\n"

// echo expects its words back, and then the end of the connection.
func echo(network, addr, preface string) error {
	c, err := net.DialTimeout(network, addr, clientTime)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(clientTime))
	if _, err := io.WriteString(c, preface+words); err != nil {
		return err
	}
	if err := c.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err == nil && string(got) != words {
		err = fmt.Errorf("answer %q", got)
	}
	return err
}

// exchange expects its datagram back, and ends the server with an empty one.
func exchange(addr string) error {
	c, err := net.Dial("udp4", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, 100)
	for until := time.Now().Add(clientTime); time.Now().Before(until); {
		if _, err = io.WriteString(c, words); err != nil {
			continue // an ICMP error, caused by the last datagram
		}
		_ = c.SetReadDeadline(time.Now().Add(again))
		var n int
		if n, err = c.Read(b); err == nil {
			_, _ = c.Write(nil)
			if string(b[:n]) != words {
				return fmt.Errorf("answer %q", b[:n])
			}
			return nil
		}
	}
	return err
}

var errNoProgram = errors.New("the RPC program has no socket")

// visitProgram visits the RPC program, whose port the kernel has chosen.
func (d *daemon) visitProgram() error {
	if d.program300001 == "" {
		s, err := d.status()
		if err != nil {
			return err
		}
		for _, v := range s.Services {
			for _, k := range v.Sockets {
				if _, port, ok := strings.Cut(k.Address, ", port "); ok {
					d.program300001 = "127.0.0.2:" + port
				}
			}
		}
	}
	if d.program300001 == "" {
		return errNoProgram
	}
	return echo("tcp4", d.program300001, "")
}

// rush is a number of clients at work.
type rush struct {
	stop atomic.Bool
	wg   sync.WaitGroup
}

func newRush(kinds []*kind) *rush {
	r := &rush{}
	for i := range clients {
		r.wg.Go(func() {
			for n := i; !r.stop.Load(); n++ {
				kinds[n%len(kinds)].call()
			}
		})
	}
	return r
}

// call makes one visit and counts how it ended.
func (k *kind) call() {
	err := k.visit()
	if err == nil {
		k.served.Add(1)
		return
	}
	k.lost.Add(1)
	err = fmt.Errorf("%s: %w", time.Now().Format(time.TimeOnly), err)
	k.first.CompareAndSwap(nil, &err)
}

func (r *rush) end() {
	r.stop.Store(true)
	r.wg.Wait()
}
