package builtin

import (
	"io"
	"sync"
)

const (
	quietSize = 2 << 10  // holds any one Ethernet segment
	bulkSize  = 64 << 10 // beyond this the copying costs more than the calls
)

var bulkBuffers = sync.Pool{New: func() any { return new([bulkSize]byte) }}

func echo(conn io.ReadWriter) error { return pump(conn, conn) }

func discard(conn io.ReadWriter) error { return pump(io.Discard, conn) }

func echoReply(dst, req []byte) ([]byte, bool) { return append(dst, req...), true }

func discardReply(dst, _ []byte) ([]byte, bool) { return dst, false }

// pump copies src to dst to its end. A connection that says little waits with
// a small buffer of its own and borrows a large one only while it sends more
// than fits, so that idle connections cost little.
func pump(dst io.Writer, src io.Reader) error {
	quiet := make([]byte, quietSize)
	for {
		n, err := move(dst, src, quiet)
		if n == len(quiet) && err == nil {
			err = pumpBulk(dst, src)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pumpBulk copies until a read finds so little that the small buffer will do. Stopping at
// the first read that does not fill the large one would be more frugal, but such reads
// are common in the midst of a transfer, and each would cost a detour through the small
// buffer.
func pumpBulk(dst io.Writer, src io.Reader) error {
	bulk := bulkBuffers.Get().(*[bulkSize]byte)
	defer bulkBuffers.Put(bulk)
	for {
		n, err := move(dst, src, bulk[:])
		if n < quietSize || err != nil {
			return err
		}
	}
}

// move copies what one read finds and reports how much that was.
func move(dst io.Writer, src io.Reader, buf []byte) (int, error) {
	n, err := src.Read(buf)
	if n > 0 {
		if _, werr := dst.Write(buf[:n]); werr != nil {
			return n, werr
		}
	}
	return n, err
}
