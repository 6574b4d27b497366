package proxyproto

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// head2 is a header of version 2.
func head2(command, family byte, size int, body string) string {
	return signature2 + string([]byte{command, family, byte(size >> 8), byte(size)}) + body
}

const four = "\xc0\x00\x02\x01\xcb\x00\x71\x09\x10\x00\x00\x15"

var six = "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x01" + "\x20\x01\x0d\xb8" + strings.Repeat("\x00", 11) + "\x02" + "\x10\x00\x00\x15"

// mapped is an address of IPv4 within IPv6.
var mapped = strings.Repeat("\x00", 10) + "\xff\xff\xc0\x00\x02\x01"

var cases = []struct {
	name, text string
	want       string // the two ends; "-": those of the connection itself
	err        string
}{
	{"v1", "PROXY TCP4 192.0.2.1 203.0.113.9 4096 21\r\n", "192.0.2.1:4096 203.0.113.9:21", ""},
	{"v1 of IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4096 21\r\n", "[2001:db8::1]:4096 [2001:db8::2]:21", ""},
	{"v1 mapped", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4096 21\r\n", "192.0.2.1:4096 [2001:db8::2]:21", ""},
	{"v1 unknown", "PROXY UNKNOWN\r\n", "-", ""},
	{"v1 unknown with more", "PROXY UNKNOWN ffff::1 what ever 1\r\n", "-", ""},
	{"v1 longest", "PROXY UNKNOWN " + strings.Repeat("f", 91) + "\r\n", "-", ""},
	{"v1 too long", "PROXY UNKNOWN " + strings.Repeat("f", 92) + "\r\n", "", "line"},
	{"v1 without CR", "PROXY TCP4 192.0.2.1 203.0.113.9 4096 21\n", "", "line"},
	{"v1 two blanks", "PROXY TCP4  192.0.2.1 203.0.113.9 4096 21\r\n", "", "form"},
	{"v1 blank at the end", "PROXY TCP4 192.0.2.1 203.0.113.9 4096 21 \r\n", "", "form"},
	{"v1 wrong version of IP", "PROXY TCP6 192.0.2.1 203.0.113.9 4096 21\r\n", "", "form"},
	{"v1 IPv6 as TCP4", "PROXY TCP4 ::1 ::1 4096 21\r\n", "", "form"},
	{"v1 zone", "PROXY TCP6 fe80::1%lo fe80::2 4096 21\r\n", "", "form"},
	{"v1 octets", "PROXY TCP4 192.0.2.01 203.0.113.9 4096 21\r\n", "", "form"},
	{"v1 big port", "PROXY TCP4 192.0.2.1 203.0.113.9 65536 21\r\n", "", "form"},
	{"v1 odd port", "PROXY TCP4 192.0.2.1 203.0.113.9 +1 21\r\n", "", "form"},
	{"v1 zero before port", "PROXY TCP4 192.0.2.1 203.0.113.9 021 21\r\n", "", "form"},
	{"v1 no ports", "PROXY TCP4 192.0.2.1 203.0.113.9\r\n", "", "form"},
	{"v1 UDP", "PROXY UDP4 192.0.2.1 203.0.113.9 1 2\r\n", "", "form"},
	{"v1 lower case", "proxy tcp4 192.0.2.1 203.0.113.9 1 2\r\n", "", "none"},
	{"none", "GET / HTTP/1.0\r\n\r\n", "", "none"},
	{"nearly", "PROXYTCP4", "", "none"},

	{"v2", head2(0x21, 0x11, 12, four), "192.0.2.1:4096 203.0.113.9:21", ""},
	{"v2 of IPv6", head2(0x21, 0x21, 36, six), "[2001:db8::1]:4096 [2001:db8::2]:21", ""},
	{"v2 mapped", head2(0x21, 0x21, 36, mapped+mapped+"\x10\x00\x00\x15"), "192.0.2.1:4096 192.0.2.1:21", ""},
	{"v2 with more", head2(0x21, 0x11, 19, four+"\x04\x00\x04abcd"), "192.0.2.1:4096 203.0.113.9:21", ""},
	{"v2 local", head2(0x20, 0x00, 0, ""), "-", ""},
	{"v2 local with addresses", head2(0x20, 0x11, 12, four), "-", ""},
	{"v2 local with too few", head2(0x20, 0x11, 2, "xx"), "-", ""},
	{"v2 unspecified", head2(0x21, 0x00, 3, "xyz"), "-", ""},
	{"v2 datagrams", head2(0x21, 0x12, 12, four), "-", ""},
	{"v2 unix", head2(0x21, 0x31, 216, strings.Repeat("/", 216)), "-", ""},
	{"v2 few bytes", head2(0x21, 0x11, 11, four), "", "too few for family 0x11"},
	{"v2 few bytes of IPv6", head2(0x21, 0x21, 35, six), "", "too few for family 0x21"},
	{"v2 version", head2(0x11, 0x11, 12, four), "", "version is 1"},
	{"v2 command", head2(0x22, 0x11, 12, four), "", "command is 2"},
	{"v2 family", head2(0x21, 0x41, 12, four), "", "family is 0x41"},
	{"v2 transport", head2(0x21, 0x13, 12, four), "", "family is 0x13"},
	{"v2 longest", head2(0x21, 0x11, Max-16, four+strings.Repeat("x", Max-28)), "192.0.2.1:4096 203.0.113.9:21", ""},
	{"v2 too long", head2(0x21, 0x11, Max-15, four), "", "longer than"},
}

func (h Header) text() string {
	if !h.Source.IsValid() {
		return "-"
	}
	return h.Source.String() + " " + h.Dest.String()
}

// TestParse: a header is read, whatever follows it, and a part of one is neither taken
// for a header nor for an error.
func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, n, err := Parse([]byte(tt.text + "PROXY payload"))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, want %s", err, tt.err)
				}
				return
			}
			if err != nil || n != len(tt.text) || h.text() != tt.want {
				t.Errorf("%s, length %d, %v; want %s, %d", h.text(), n, err, tt.want, len(tt.text))
			}
			for i := range min(len(tt.text), 300) {
				if _, n, err := Parse([]byte(tt.text[:i])); n != 0 || err != nil {
					t.Fatalf("the first %d bytes: length %d, %v", i, n, err)
				}
			}
		})
	}
}

// FuzzParse: whatever comes, a header ends where it says, does not depend on what
// follows, and is read as it was written.
func FuzzParse(f *testing.F) {
	for _, tt := range cases {
		f.Add([]byte(tt.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := Parse(b)
		if n < 0 || n > len(b) || n > Max || err != nil && n != 0 || h.Source.IsValid() != h.Dest.IsValid() {
			t.Fatalf("%v, length %d of %d, %v", h, n, len(b), err)
		}
		for i := range min(len(b), 60) {
			_, m, e := Parse(b[:i])
			if n > 0 && (e != nil || m != 0 && m != n || i < n && m != 0) {
				t.Fatalf("the first %d bytes of %d: length %d, %v", i, n, m, e)
			}
		}
		if n == 0 {
			return
		}
		for _, text := range [][]byte{Append1(nil, h), Append2(nil, h)} {
			if again, m, err := Parse(text); err != nil || m != len(text) || again != h {
				t.Errorf("%v written as %q and read as %v, %d, %v", h, text, again, m, err)
			}
		}
	})
}

func TestAppend(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	for _, tt := range []struct {
		h        Header
		one, two string
	}{
		{Header{}, "PROXY UNKNOWN\r\n", head2(0x20, 0, 0, "")},
		{Header{at("192.0.2.1:4096"), at("203.0.113.9:21")}, "PROXY TCP4 192.0.2.1 203.0.113.9 4096 21\r\n", head2(0x21, 0x11, 12, four)},
		{Header{at("[2001:db8::1]:4096"), at("[2001:db8::2]:21")}, "PROXY TCP6 2001:db8::1 2001:db8::2 4096 21\r\n", head2(0x21, 0x21, 36, six)},
		{Header{at("192.0.2.1:1"), at("[2001:db8::2]:2")}, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 2\r\n", ""},
	} {
		if got := string(Append1(nil, tt.h)); got != tt.one {
			t.Errorf("%q, want %q", got, tt.one)
		}
		if got := Append2([]byte("x"), tt.h); tt.two != "" && !bytes.Equal(got, []byte("x"+tt.two)) {
			t.Errorf("%q, want %q", got, tt.two)
		}
	}
}
