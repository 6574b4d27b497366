// Package ident tells a client who owns a TCP connection (RFC 1413), with the options
// of FreeBSD's "auth ... internal" line. In goes a connection to the auth port; out
// goes one line on it. The kernel names the owner, by sock_diag(7). No file is ever
// read on behalf of a client: FreeBSD's ~/.fakeid and ~/.noident were once a way to
// read other people's files.
package ident

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// RFC 1413 leaves the length of a request open; the longest that makes sense
// is two ports, a comma and some blanks. It allows a user 512 octets.
const (
	maxRequest = 256
	maxUser    = 512
)

// Serve answers the first request on conn, a connection from remote to local,
// and returns; a peer that closes without asking gets no answer. owner finds the
// owner of the connection asked for, and name returns the name of a uid, or "" if no
// user has it. Neither is called unless o.Real is set. Serve does not close conn. It
// has no time limit but the deadline that the caller has set on conn.
func Serve(conn io.ReadWriter, local, remote netip.AddrPort, o Options,
	owner func(local, remote netip.AddrPort) (uid uint32, ok bool), name func(uid uint32) string) error {
	line, err := readRequest(conn)
	if err != nil {
		return fmt.Errorf("read ident request: %w", err)
	}
	if len(line) == 0 {
		return nil
	}
	here, there := parseRequest(line)
	reply := "ERROR : INVALID-PORT"
	if here != 0 && there != 0 {
		user := ""
		if o.Real {
			uid, ok := owner(netip.AddrPortFrom(local.Addr(), here), netip.AddrPortFrom(remote.Addr(), there))
			user = o.user(uid, ok, name)
		}
		reply = o.reply(user)
	}
	if _, err := fmt.Fprintf(conn, "%d , %d : %s\r\n", here, there, reply); err != nil {
		return fmt.Errorf("write ident reply: %w", err)
	}
	return nil
}

// user returns what to call the owner of a connection, or "" if that is unknown.
func (o Options) user(uid uint32, known bool, name func(uid uint32) string) string {
	switch {
	case !known:
		return ""
	case o.UIDs:
		return strconv.FormatUint(uint64(uid), 10)
	}
	return clean(name(uid))
}

// reply returns what follows the ports in the answer to a valid request.
func (o Options) reply(user string) string {
	if user == "" {
		user = o.Fallback
	}
	if o.Garbage && (user != "" || !o.Real) {
		user = garbage()
	}
	switch {
	case user != "":
		return "USERID : " + o.OS + " : " + user
	case o.Real:
		return "ERROR : NO-USER"
	}
	return "ERROR : HIDDEN-USER"
}

// garbage returns a user name that tells nothing, another one each time.
func garbage() string {
	return strings.ToLower(rand.Text()[:8])
}

// clean returns a user name cut to what RFC 1413 allows, or "" if an answer cannot
// hold it.
func clean(name string) string {
	if strings.ContainsAny(name, "\x00\r\n") {
		return ""
	}
	return name[:min(len(name), maxUser)]
}

// readRequest reads up to the first line feed, the end of input or maxRequest bytes.
// A connection has one request, so what follows it does not matter.
func readRequest(conn io.Reader) ([]byte, error) {
	buf := make([]byte, 0, maxRequest)
	for len(buf) < maxRequest {
		n, err := conn.Read(buf[len(buf):maxRequest])
		buf = buf[:len(buf)+n]
		if end := bytes.IndexByte(buf, '\n'); end >= 0 {
			return buf[:end+1], nil
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return buf, nil
}

// parseRequest parses "port-on-server , port-on-client", with blanks anywhere around
// the two. It returns 0 for what is not a port.
func parseRequest(line []byte) (here, there uint16) {
	left, right, _ := bytes.Cut(line, []byte(","))
	return parsePort(left), parsePort(right)
}

func parsePort(text []byte) uint16 {
	port, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}
