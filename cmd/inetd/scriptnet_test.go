package main

import (
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"inetd/internal/freeport"
	"inetd/internal/sock/socktest"
)

func cmdDial(ts *script, neg bool, args []string) {
	conn, err := net.DialTimeout(args[0], args[1], patience)
	if neg {
		if err == nil {
			ts.Fatalf("%s listens", args[1])
		}
		return
	}
	ts.Check(err)
	talk(ts, conn, args[2:])
}

// cmdDialFrom is like dial, from a given local address.
func cmdDialFrom(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	d := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(args[0])}}
	conn, err := d.Dial(args[1], args[2])
	ts.Check(err)
	talk(ts, conn, args[3:])
}

// talk sends text, if any, and prints the answer.
func talk(ts *script, conn net.Conn, text []string) {
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	if len(text) > 0 {
		_, err := conn.Write(unquote(ts, text[0]))
		ts.Check(err)
	}
	answer, err := readAnswer(conn)
	_, _ = ts.Stdout().Write(answer)
	ts.Check(err)
}

// cmdDialUntil dials until an answer matches, for what cannot be waited for otherwise.
func cmdDialUntil(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	dialUntil(ts, args[1], args[2], pattern.MatchString)
}

// dialUntil dials again and again until good accepts the answer.
func dialUntil(ts *script, network, addr string, good func(answer string) bool) {
	deadline := time.Now().Add(patience)
	for {
		conn, err := net.DialTimeout(network, addr, patience)
		ts.Check(err)
		answer, err := readAnswer(conn)
		conn.Close()
		if good(string(answer)) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("still %q, %v", answer, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// readAnswer reads one datagram, or shuts down its side of a stream and reads to the end.
func readAnswer(conn net.Conn) ([]byte, error) {
	switch conn.LocalAddr().Network() {
	case "udp", "unixgram":
		b := make([]byte, 1<<16)
		n, err := conn.Read(b)
		return b[:n], err
	}
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

// connections returns the names that a word stands for: c1, c2 and c3 for 3*c.
func connections(ts *script, word string) []string {
	times, id, many := strings.Cut(word, "*")
	if !many {
		return []string{word}
	}
	n, err := strconv.Atoi(times)
	ts.Check(err)
	var ids []string
	for i := range n {
		ids = append(ids, id+strconv.Itoa(i+1))
	}
	return ids
}

func cmdConnect(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	for _, id := range connections(ts, args[0]) {
		conn, err := net.DialTimeout(args[1], args[2], patience)
		if errors.Is(err, syscall.ECONNRESET) { // it was connected, and has been closed already
			benchOf(ts).conns[id] = gone()
			continue
		}
		ts.Check(err)
		ts.Defer(func() { conn.Close() })
		ts.Check(conn.SetDeadline(time.Now().Add(2 * patience)))
		benchOf(ts).conns[id] = conn
	}
}

// gone returns a connection whose other end is closed.
func gone() net.Conn {
	conn, other := net.Pipe()
	other.Close()
	return conn
}

func cmdSend(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	for _, id := range connections(ts, args[0]) {
		_, err := connOf(ts, id).Write(unquote(ts, args[1]))
		ts.Check(err)
	}
}

func cmdExpect(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	want := unquote(ts, args[1])
	for _, id := range connections(ts, args[0]) {
		got := make([]byte, len(want))
		n, err := io.ReadFull(connOf(ts, id), got)
		if string(got) != string(want) {
			ts.Fatalf("got %q (%v), want %q", got[:n], err, want)
		}
	}
}

func cmdHangUp(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	if l := benchOf(ts).listeners[args[0]]; l != nil {
		ts.Check(socktest.HangUp(l))
		return
	}
	for _, id := range connections(ts, args[0]) {
		ts.Check(connOf(ts, id).Close())
	}
}

func cmdSilent(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	conn := connOf(ts, args[0])
	ts.Check(conn.SetReadDeadline(time.Now().Add(time.Millisecond)))
	b := make([]byte, 100)
	n, err := conn.Read(b)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		ts.Fatalf("got %q, %v", b[:n], err)
	}
	ts.Check(conn.SetReadDeadline(time.Now().Add(2 * patience)))
}

// cmdPorts sets two variables to the ports of a connection.
func cmdPorts(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	conn := connOf(ts, args[0])
	for i, end := range []net.Addr{conn.LocalAddr(), conn.RemoteAddr()} {
		ts.Setenv(args[1+i], strconv.Itoa(end.(*net.TCPAddr).Port))
	}
}

// cmdClosed wants the daemon or server to close a connection without sending anything more.
func cmdClosed(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	b, err := io.ReadAll(connOf(ts, args[0]))
	if err != nil || len(b) > 0 {
		ts.Fatalf("got %q, %v", b, err)
	}
}

// cmdOccupy listens on an address until hangup.
func cmdOccupy(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	l, err := net.Listen(args[1], args[2])
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	benchOf(ts).listeners[args[0]] = l
}

func connOf(ts *script, id string) net.Conn {
	conn := benchOf(ts).conns[id]
	if conn == nil {
		ts.Fatalf("no connection %s", id)
	}
	return conn
}

func unquote(ts *script, s string) []byte {
	text, err := strconv.Unquote(`"` + s + `"`)
	ts.Check(err)
	return []byte(text)
}

func cmdExpand(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

func cmdFreePort(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	for _, name := range args {
		port, err := freeport.Claim()
		ts.Check(err)
		ts.Setenv(name, strconv.Itoa(port))
	}
}

func haveIPv6() bool {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false
	}
	l.Close()
	return true
}
