package builtin

import (
	"io"
	"sync"
)

// RFC 864 leaves the pattern open and recommends this one: the 95 printing
// characters form a ring, a line is 72 of them and CR LF, and each line starts
// one character later.
const (
	firstChar = int(' ')
	ringSize  = int('~') - firstChar + 1
	lineChars = 72
	lineSize  = lineChars + len("\r\n")
)

// rounds is how often one write of a stream goes around the ring. At about 69 KiB the
// system calls do not matter.
const rounds = 10

// pattern is shared by all connections and never written to. The first connection makes
// it, since most daemons never see one.
var pattern = sync.OnceValue(func() []byte {
	text := make([]byte, 0, rounds*ringSize*lineSize)
	for start := range rounds * ringSize {
		text = appendLine(text, start%ringSize)
	}
	return text
})

func chargen(conn io.ReadWriter) error {
	for {
		if _, err := conn.Write(pattern()); err != nil {
			return err
		}
	}
}

// generator knows where in the ring the next datagram starts.
type generator struct{ start int }

func (g *generator) reply(dst, _ []byte) ([]byte, bool) {
	dst = appendLine(dst, g.start)
	g.start = (g.start + 1) % ringSize
	return dst, true
}

// appendLine appends the line that starts at a place of the ring.
func appendLine(dst []byte, start int) []byte {
	for i := range lineChars {
		dst = append(dst, byte(firstChar+(start+i)%ringSize))
	}
	return append(dst, '\r', '\n')
}
