package rpcbind

import (
	"bytes"
	"io"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The bytes of a call, written out from RFC 5531 and RFC 1833 by hand.
func TestCallBytes(t *testing.T) {
	t.Parallel()
	head := "\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01\x86\xa0"
	none := "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	prog := "\x00\x05\xf7\x5a\x00\x00\x00\x03"
	uid := strconv.Itoa(os.Geteuid())
	owner := "\x00\x00\x00" + string(rune(len(uid))) + uid + "\x00\x00\x00\x00"[:padding(len(uid))]
	tests := []struct {
		version uint32
		want    string
	}{
		{4, head + "\x00\x00\x00\x04\x00\x00\x00\x01" + none + prog +
			"\x00\x00\x00\x03udp\x00" + "\x00\x00\x00\x10192.0.2.1.156.65" + owner},
		{2, head + "\x00\x00\x00\x02\x00\x00\x00\x01" + none + prog + "\x00\x00\x00\x11\x00\x00\x9c\x41"},
	}
	for _, tt := range tests {
		ours, theirs := net.Pipe()
		go func() {
			s := session{conn: ours, version: tt.version}
			s.change(procSet, binding(3, "udp", "192.0.2.1:40001"))
		}()
		got, err := readRecord(theirs)
		theirs.Close()
		if diff := cmp.Diff(tt.want, string(got)); diff != "" || err != nil {
			t.Errorf("version %d, %v (-want +got):\n%s", tt.version, err, diff)
		}
	}
}

func TestReadRecord(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, want string
		err      error
	}{
		{"\x80\x00\x00\x03abcd", "abc", nil},
		{"\x00\x00\x00\x02ab\x00\x00\x00\x00\x80\x00\x00\x01c", "abc", nil},
		{"\x80\x00\x00\x00", "", nil},
		{"", "", io.ErrUnexpectedEOF},
		{"\x80\x00", "", io.ErrUnexpectedEOF},
		{"\x80\x00\x00\x03ab", "", io.ErrUnexpectedEOF},
		{"\x00\x00\x00\x02ab", "", io.ErrUnexpectedEOF},
	}
	for _, tt := range tests {
		if got, err := readRecord(bytes.NewBufferString(tt.in)); string(got) != tt.want || err != tt.err {
			t.Errorf("%q is read as %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
		}
	}
	big := append(appendUint32(nil, maxRecord), make([]byte, maxRecord)...)
	big = appendUint32(big, lastFragment|1)
	if _, err := readRecord(bytes.NewReader(big)); err == nil {
		t.Error("a record that is too long in two pieces is read")
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	tests := []struct{ addr, want string }{
		{"0.0.0.0:111", "0.0.0.0.0.111"},
		{"192.0.2.1:65535", "192.0.2.1.255.255"},
		{"[::]:256", "::.1.0"},
		{"[fe80::1%eth0]:1", "fe80::1.0.1"},
	}
	for _, tt := range tests {
		s := session{version: rpcbindVersion}
		if got := s.address(binding(1, "tcp", tt.addr)); got != tt.want {
			t.Errorf("%s is written %q, want %q", tt.addr, got, tt.want)
		}
	}
}

func TestDecodeList(t *testing.T) {
	t.Parallel()
	more := func(words ...uint32) []byte { return appendUint32(nil, append([]uint32{1}, words...)...) }
	tests := []struct {
		name    string
		results []byte
		version uint32
		want    []registration
		err     error
	}{
		{"empty", boolean(false), 4, nil, nil},
		{"nothing", nil, 4, nil, errShort},
		{"version 4", append(appendString(more(5, 1), "tcp6", "::.1.0", "superuser"), 0, 0, 0, 0), 4,
			[]registration{{5, 1, "tcp6", "::.1.0", "superuser"}}, nil},
		{"version 2", append(append(more(5, 1, 17, 7), more(6, 2, 132, 9)...), 0, 0, 0, 0), 2,
			[]registration{{5, 1, "udp", "port 7", ""}, {6, 2, "protocol 132", "port 9", ""}}, nil},
	}
	for _, tt := range tests {
		got, err := decodeList(tt.results, tt.version)
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(registration{})); diff != "" || err != tt.err {
			t.Errorf("%s: %v (-want +got):\n%s", tt.name, err, diff)
		}
	}
	if _, err := decodeList(more(5, 1, 1<<31), 4); err != errShort {
		t.Errorf("a text longer than the message: %v, want %v", err, errShort)
	}
}

func FuzzReply(f *testing.F) {
	accept := appendUint32(nil, 1, messageReply, replyAccepted, authNone, 0, success)
	f.Add(record(append(accept, 0, 0, 0, 1)))
	f.Add(record(append(appendString(appendUint32(accept, 1, 5, 1), "tcp", "0.0.0.0.1.1", "superuser"), 0, 0, 0, 0)))
	f.Add(record(appendUint32(accept, 1, 5, 1, 6, 257, 0)))
	f.Add(record(appendUint32(nil, 1, messageReply, 1, 1, 5)))
	f.Add([]byte("\x00\x00\x00\x01a\x80\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		message, err := readRecord(bytes.NewReader(stream))
		if err != nil {
			return
		}
		if len(message) > len(stream)-4 {
			t.Fatalf("%d bytes out of %d", len(message), len(stream))
		}
		results, err := decodeReply(message, 1)
		if err != nil {
			return
		}
		for _, version := range []uint32{portmapVersion, rpcbindVersion} {
			list, err := decodeList(results, version)
			if err == nil && len(results) < 4+len(list)*20 {
				t.Errorf("version %d: %d registrations out of %d bytes", version, len(list), len(results))
			}
		}
	})
}
