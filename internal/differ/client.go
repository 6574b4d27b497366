package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// How long a client of a stream waits for its first byte, and one of datagrams for its
// answer.
const (
	streamTime   = 1500 * time.Millisecond
	datagramTime = 1500 * time.Millisecond
)

// result is what happened to a client.
type result struct {
	verdict string // "served", "refused", "silent", "closed" (no TCP socket listens there), or an error
	text    string // what it received
	report  *report
}

// attempt lets clients try, one after the other. Those with hold stay connected until all
// have tried.
func attempt(tries []try) []result {
	results := make([]result, len(tries))
	var held []net.Conn
	for i, t := range tries {
		var conn net.Conn
		if results[i], conn = t.do(); conn != nil {
			held = append(held, conn)
		}
	}
	for _, c := range held {
		c.Close()
	}
	return results
}

// do is the whole life of a client, but one with hold is returned connected.
func (t *try) do() (r result, held net.Conn) {
	if t.network == "udp" {
		return t.send(), nil
	}
	d := net.Dialer{Timeout: streamTime, Control: anyAddress, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.from, 0))}
	conn, err := d.Dial(t.network, t.to.String())
	if errors.Is(err, syscall.ECONNREFUSED) {
		return result{verdict: "closed"}, nil
	}
	if err != nil {
		return result{verdict: err.Error()}, nil
	}
	r = t.talk(conn)
	if t.hold && r.verdict == "served" {
		return r, conn
	}
	conn.Close()
	return r, nil
}

// send sends a datagram and waits for the answer. It may come from another address of the
// daemon: a server that knows none lets the kernel choose one.
func (t *try) send() result {
	l := net.ListenConfig{Control: anyAddress}
	conn, err := l.ListenPacket(context.Background(), t.network, netip.AddrPortFrom(t.from, 0).String())
	if err != nil {
		return result{verdict: err.Error()}
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(datagramTime))
	if _, err := conn.WriteTo([]byte("hello\r\n"), net.UDPAddrFromAddrPort(t.to)); err != nil {
		return result{verdict: err.Error()}
	}
	buffer := make([]byte, 1<<16)
	n, _, err := conn.ReadFrom(buffer)
	if err != nil {
		return result{verdict: "silent"}
	}
	return served(buffer[:n])
}

// anyAddress lets a client have any address.
func anyAddress(network, address string, c syscall.RawConn) (err error) {
	failed := c.Control(func(fd uintptr) {
		if strings.HasSuffix(network, "6") {
			err = unix.SetsockoptInt(int(fd), unix.SOL_IPV6, unix.IPV6_FREEBIND, 1)
			return
		}
		err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_FREEBIND, 1)
	})
	return errors.Join(failed, err)
}

// talk says a word and reads one line, the answer.
func (t *try) talk(conn net.Conn) result {
	_ = conn.SetDeadline(time.Now().Add(streamTime))
	_, _ = io.WriteString(conn, "hello\r\n")
	buffer := make([]byte, 1<<16)
	n := 0
	var err error
	for err == nil && n < len(buffer) && !slices.Contains(buffer[:n], '\n') {
		var k int
		k, err = conn.Read(buffer[n:])
		n += k
	}
	switch {
	case n > 0:
		return served(buffer[:n])
	case errors.Is(err, os.ErrDeadlineExceeded):
		return result{verdict: "silent"}
	}
	return result{verdict: "refused"}
}

// served makes a result of an answer.
func served(answer []byte) result {
	var p report
	if json.Unmarshal(answer, &p) == nil {
		return result{verdict: "served", report: &p}
	}
	return result{verdict: "served", text: string(answer)}
}
