package ident

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

var (
	local  = netip.MustParseAddrPort("192.0.2.1:113")
	remote = netip.MustParseAddrPort("198.51.100.7:50000")
)

// serve returns the answer to request, with stjohns (uid 1000) as the owner of
// 6193,23, a nameless uid 1001 as that of 6195,23, and no owner of anything else.
func serve(t testing.TB, request io.Reader, o Options) (reply string, err error) {
	t.Helper()
	owner := func(here, there netip.AddrPort) (uint32, bool) {
		if !o.Real {
			t.Error("asked for the owner of a connection without -r")
		}
		if here.Port() == 0 || there.Port() == 0 || here.Addr() != local.Addr() || there.Addr() != remote.Addr() {
			t.Errorf("asked for the owner of %v to %v", here, there)
		}
		return uint32(1000 + (here.Port()-6193)/2), there.Port() == 23 && (here.Port() == 6193 || here.Port() == 6195)
	}
	name := func(uid uint32) string { return map[uint32]string{1000: "stjohns"}[uid] }
	var out bytes.Buffer
	conn := struct {
		io.Reader
		io.Writer
	}{request, &out}
	err = Serve(conn, local, remote, o, owner, name)
	return out.String(), err
}

func options(t testing.TB, words string) Options {
	t.Helper()
	o, err := ParseOptions(strings.Fields(words))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestServe(t *testing.T) {
	t.Parallel()
	tests := []struct{ options, request, want string }{
		{"", "6193, 23\r\n", "6193 , 23 : ERROR : HIDDEN-USER\r\n"},
		{"-i -n -t 5 -o X", "6193, 23\r\n", "6193 , 23 : ERROR : HIDDEN-USER\r\n"},
		{"-d nobody", "6193, 23\r\n", "6193 , 23 : USERID : UNIX : nobody\r\n"},
		{"-d nobody -o X", "1,65535\n", "1 , 65535 : USERID : X : nobody\r\n"},

		{"-r", "6193, 23\r\n", "6193 , 23 : USERID : UNIX : stjohns\r\n"},
		{"-r -o TOPS20", " \t6193\t,\t23 \r\n", "6193 , 23 : USERID : TOPS20 : stjohns\r\n"},
		{"-r -d x", "6193,23\n", "6193 , 23 : USERID : UNIX : stjohns\r\n"},
		{"-ri", "06193,23\n", "6193 , 23 : USERID : UNIX : 1000\r\n"},
		{"-r", "6194,23\n", "6194 , 23 : ERROR : NO-USER\r\n"},
		{"-r -i", "6194,23\n", "6194 , 23 : ERROR : NO-USER\r\n"},
		{"-r -d x", "6194,23\n", "6194 , 23 : USERID : UNIX : x\r\n"},
		{"-r", "6195,23\n", "6195 , 23 : ERROR : NO-USER\r\n"},
		{"-r -i", "6195,23\n", "6195 , 23 : USERID : UNIX : 1001\r\n"},
		{"-r -d x", "6195,23\n", "6195 , 23 : USERID : UNIX : x\r\n"},
		{"-r -g", "6194,23\n", "6194 , 23 : ERROR : NO-USER\r\n"},

		{"-r", "6193,23\r\n6194,23\r\n", "6193 , 23 : USERID : UNIX : stjohns\r\n"},
		{"-r", "6193,23", "6193 , 23 : USERID : UNIX : stjohns\r\n"},
		{"-r", "", ""},

		{"-r", "\r\n", "0 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r", "6193 23\r\n", "0 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r", "6193,\r\n", "6193 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r", "0,23\r\n", "0 , 23 : ERROR : INVALID-PORT\r\n"},
		{"-r", "6193,65536\r\n", "6193 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r", "+6193,-23\r\n", "0 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r", "6193,23,5\r\n", "6193 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r", "6193,23: %s%n\x00\x1b\r\n", "6193 , 0 : ERROR : INVALID-PORT\r\n"},
		{"-r -d x", "61 93,23\r\n", "0 , 23 : ERROR : INVALID-PORT\r\n"},
		{"-r", strings.Repeat(" ", maxRequest-8) + "6193,23\n", "6193 , 23 : USERID : UNIX : stjohns\r\n"},
		{"-r", strings.Repeat(" ", maxRequest) + "6193,23\n", "0 , 0 : ERROR : INVALID-PORT\r\n"},
	}
	for _, tt := range tests {
		for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader} {
			got, err := serve(t, wrap(strings.NewReader(tt.request)), options(t, tt.options))
			if got != tt.want || err != nil {
				t.Errorf("%s: %q is answered by %q, %v; want %q", tt.options, tt.request, got, err, tt.want)
			}
		}
	}
}

func TestServeGarbage(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^6193 , 23 : USERID : UNIX : [a-z0-9]{8}\r\n$`)
	for _, words := range []string{"-g", "-g -d nobody", "-r -g", "-rgi", "-r -g -d nobody"} {
		first, _ := serve(t, strings.NewReader("6193,23\n"), options(t, words))
		second, _ := serve(t, strings.NewReader("6193,23\n"), options(t, words))
		if !form.MatchString(first) || first == second || strings.Contains(first, "stjohns") {
			t.Errorf("%s: got %q and %q, want two random words", words, first, second)
		}
	}
}

func TestServeNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, want string }{
		{"a user: with blanks", "6193 , 23 : USERID : UNIX : a user: with blanks\r\n"},
		{"two\nlines", "6193 , 23 : ERROR : NO-USER\r\n"},
		{"nul\x00", "6193 , 23 : ERROR : NO-USER\r\n"},
		{strings.Repeat("x", 600), "6193 , 23 : USERID : UNIX : " + strings.Repeat("x", 512) + "\r\n"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		conn := struct {
			io.Reader
			io.Writer
		}{strings.NewReader("6193,23\n"), &out}
		err := Serve(conn, local, remote, options(t, "-r"),
			func(_, _ netip.AddrPort) (uint32, bool) { return 0, true }, func(uint32) string { return tt.name })
		if out.String() != tt.want || err != nil {
			t.Errorf("user %q: got %q, %v; want %q", tt.name, out.String(), err, tt.want)
		}
	}
}

func TestServeErrors(t *testing.T) {
	t.Parallel()
	slow := errors.New("too slow")
	reply, err := serve(t, io.MultiReader(strings.NewReader("61"), iotest.ErrReader(slow)), options(t, "-r"))
	if reply != "" || !errors.Is(err, slow) {
		t.Errorf("a broken request is answered by %q, %v", reply, err)
	}
	conn := struct {
		io.Reader
		io.Writer
	}{strings.NewReader("1,2\n"), brokenWriter{slow}}
	if err := Serve(conn, local, remote, options(t, ""), nil, nil); !errors.Is(err, slow) {
		t.Errorf("a broken answer ends in %v", err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// FuzzServe: any request, in any pieces, gets one line in the form of RFC 1413, and
// no more than one line of it is read.
func FuzzServe(f *testing.F) {
	for _, request := range []string{"6193,23\r\n", " 1 , 65535 \n", "", "\n", "0,0\n", "6193,23", ",,,\n", "99999999999999999999,1\n", strings.Repeat("1", 300)} {
		f.Add([]byte(request), false)
		f.Add([]byte(request), true)
	}
	form := regexp.MustCompile(`^\d{1,5} , \d{1,5} : (ERROR : [A-Z-]+|USERID : UNIX : stjohns)\r\n$`)
	f.Fuzz(func(t *testing.T, request []byte, bytewise bool) {
		in := bytes.NewReader(request)
		var conn io.Reader = in
		if bytewise {
			conn = iotest.OneByteReader(in)
		}
		reply, err := serve(t, conn, options(t, "-r"))
		if err != nil {
			t.Fatal(err)
		}
		if len(request) > 0 && !form.MatchString(reply) {
			t.Errorf("answer %q", reply)
		}
		if read := len(request) - in.Len(); read > maxRequest {
			t.Errorf("read %d bytes", read)
		}
	})
}

// FuzzReply: for any name of a user and any options the answer is one line.
func FuzzReply(f *testing.F) {
	f.Add("-r", "stjohns")
	f.Add("-r -o OTHER -d nobody", "")
	f.Add("-r -d a:b", "two\r\nlines")
	f.Add("-rg -t 0.5", strings.Repeat("x", 600))
	f.Fuzz(func(t *testing.T, words, name string) {
		o, err := ParseOptions(strings.Fields(words))
		if err != nil {
			return
		}
		var out strings.Builder
		conn := struct {
			io.Reader
			io.Writer
		}{strings.NewReader("6193,23\n"), &out}
		owner := func(_, _ netip.AddrPort) (uint32, bool) { return 1000, true }
		if err := Serve(conn, local, remote, o, owner, func(uint32) string { return name }); err != nil {
			t.Fatal(err)
		}
		reply, ended := strings.CutSuffix(out.String(), "\r\n")
		if !ended || strings.ContainsAny(reply, "\r\n\x00") || len(reply) > 1024 || !strings.HasPrefix(reply, "6193 , 23 : ") {
			t.Errorf("options %q and user %q: answer %q", words, name, out.String())
		}
	})
}
