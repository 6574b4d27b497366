// Package builtin has the small services that inetd answers itself: echo, discard,
// chargen, daytime and time (RFC 862, 863, 864, 867, 868). In goes a connection or a
// datagram; out come the bytes of the reply. It opens nothing, sets no time limits and
// counts no clients: its caller does.
package builtin

import (
	"io"
	"time"
)

// Service is one built-in service. Each value from Lookup has its own state (the position
// of chargen), so every socket needs its own.
type Service struct {
	Name string

	// Stream serves one connection until the peer has sent everything, which
	// is no error, or until reading or writing fails. Chargen ends only when
	// writing fails. Stream does not close conn, and may run for any number of
	// connections at once.
	Stream func(conn io.ReadWriter) error

	// Brief appends the whole of a reply that does not depend on the peer to
	// dst, so that it can be sent in one write, without a goroutine. It is nil
	// except for daytime and time.
	Brief func(dst []byte) []byte

	// Reply appends the answer to the datagram req to dst. It reports false
	// when nothing is to be sent, which is not the same as an empty reply: an
	// empty datagram is echoed. Reply must not run twice at once.
	Reply func(dst, req []byte) (reply []byte, ok bool)
}

// Lookup returns a new Service by its name, in lower case and not an alias. now returns
// the local time.
func Lookup(name string, now func() time.Time) (Service, bool) {
	for _, s := range services(now) {
		if s.Name == name {
			return s, true
		}
	}
	return Service{}, false
}

// Names returns the names that Lookup knows.
func Names() []string {
	var names []string
	for _, s := range services(time.Now) {
		names = append(names, s.Name)
	}
	return names
}

func services(now func() time.Time) []Service {
	return []Service{
		{Name: "echo", Stream: echo, Reply: echoReply},
		{Name: "discard", Stream: discard, Reply: discardReply},
		{Name: "chargen", Stream: chargen, Reply: new(generator).reply},
		brief("daytime", func(dst []byte) []byte { return now().AppendFormat(dst, ctimeLayout) }),
		brief("time", func(dst []byte) []byte { return timestamp(dst, now()) }),
	}
}

// brief is a service that sends what text appends, whoever asks.
func brief(name string, text func(dst []byte) []byte) Service {
	return Service{
		Name:   name,
		Brief:  text,
		Stream: func(conn io.ReadWriter) error { _, err := conn.Write(text(nil)); return err },
		Reply:  func(dst, _ []byte) ([]byte, bool) { return text(dst), true },
	}
}
