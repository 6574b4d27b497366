package rpcbind

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// The numbers of RPC version 2 (RFC 5531 section 9).
const (
	program = 100000

	messageCall  = 0
	messageReply = 1
	rpcVersion   = 2
	authNone     = 0

	replyAccepted = 0
	success       = 0
)

// acceptErrors and authErrors are the failures that a reply may tell.
var (
	acceptErrors = map[uint32]string{
		1: "program unavailable",
		2: "program version not supported",
		3: "procedure unavailable",
		4: "arguments not understood",
		5: "system error",
	}
	authErrors = map[uint32]string{
		1: "bad credentials",
		2: "rejected credentials",
		3: "bad verifier",
		4: "rejected verifier",
		5: "credentials too weak",
		7: "authentication failed",
	}
)

// lastFragment marks the last piece of a record; the other bits of the word
// before a piece are its length (RFC 5531 section 11).
const lastFragment = 1 << 31

// maxRecord is how many bytes of one reply are read at most, about 15,000 registrations.
const maxRecord = 1 << 20

// call does one remote procedure call and returns the encoded results.
func (s *session) call(proc uint32, args []byte) ([]byte, error) {
	s.xid++
	message := appendUint32(nil, s.xid, messageCall, rpcVersion, program, s.version, proc, authNone, 0, authNone, 0)
	message = append(message, args...)
	record := append(appendUint32(nil, lastFragment|uint32(len(message))), message...)
	if _, err := s.conn.Write(record); err != nil {
		return nil, err
	}
	reply, err := readRecord(s.conn)
	if err != nil {
		return nil, err
	}
	return decodeReply(reply, s.xid)
}

// readRecord reads one message in its pieces.
func readRecord(r io.Reader) ([]byte, error) {
	var record bytes.Buffer
	for {
		var mark [4]byte
		if _, err := io.ReadFull(r, mark[:]); err != nil {
			return nil, unexpected(err)
		}
		word := binary.BigEndian.Uint32(mark[:])
		length := int64(word &^ lastFragment)
		if length > maxRecord-int64(record.Len()) {
			return nil, fmt.Errorf("message from rpcbind is longer than %d bytes", maxRecord)
		}
		if _, err := io.CopyN(&record, r, length); err != nil {
			return nil, unexpected(err)
		}
		if word&lastFragment != 0 {
			return record.Bytes(), nil
		}
	}
}

// unexpected returns err, but in the middle of a message the end of the data is an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// decodeReply takes the results out of the reply to the call with that xid.
func decodeReply(reply []byte, xid uint32) ([]byte, error) {
	d := decoder{data: reply}
	if id, kind := d.uint32(), d.uint32(); d.err == nil && (id != xid || kind != messageReply) {
		return nil, fmt.Errorf("message from rpcbind is no reply to ours")
	}
	if d.uint32() != replyAccepted {
		return nil, denial(&d)
	}
	d.uint32() // flavour of the verifier
	d.string() // its body
	if status := d.uint32(); status != success && d.err == nil {
		return nil, fmt.Errorf("%w: %s", ErrRefused, describe(acceptErrors, status))
	}
	return d.data, d.err
}

// denial returns the error of a reply to a call that was not even accepted.
func denial(d *decoder) error {
	const authError = 1
	reason := "RPC version not supported"
	if d.uint32() == authError {
		reason = describe(authErrors, d.uint32())
	}
	if d.err != nil {
		return d.err
	}
	return fmt.Errorf("%w: %s", ErrRefused, reason)
}

func describe(texts map[uint32]string, code uint32) string {
	if text, ok := texts[code]; ok {
		return text
	}
	return fmt.Sprintf("unknown reason %d", code)
}
