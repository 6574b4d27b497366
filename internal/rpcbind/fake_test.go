package rpcbind

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// fake is a portmapper of one version. It keeps the arguments of what was set.
type fake struct {
	version uint32
	mu      sync.Mutex
	list    [][]byte
}

// startFake starts a fake and returns a client of it.
func startFake(t *testing.T, version uint32) *Client {
	t.Helper()
	f := &fake{version: version}
	client := &Client{Socket: filepath.Join(t.TempDir(), "sock")}
	if version == portmapVersion {
		l := listen(t, "tcp4", "127.0.0.1:0")
		client.Portmap = l.Addr().String()
		go serve(l, f.reply)
		return client
	}
	go serve(listen(t, "unix", client.Socket), f.reply)
	return client
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// serve answers each call with the record that reply makes of its message, or
// hangs up if that is nil.
func serve(l net.Listener, reply func(call []byte) []byte) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			for {
				call, err := readRecord(conn)
				if err != nil {
					return
				}
				answer := reply(call)
				if answer == nil {
					return
				}
				conn.Write(answer)
			}
		}()
	}
}

func record(message []byte) []byte {
	return append(appendUint32(nil, lastFragment|uint32(len(message))), message...)
}

// accepted returns the record of a reply to call with those results.
func accepted(call, results []byte) []byte {
	head := append(slices.Clone(call[:4]), appendUint32(nil, messageReply, replyAccepted, authNone, 0, success)...)
	return record(append(head, results...))
}

func (f *fake) reply(call []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := decoder{data: call}
	d.uint32()
	head := fmt.Sprint(d.uint32(), d.uint32(), d.uint32(), d.uint32())
	if head != fmt.Sprint(messageCall, rpcVersion, program, f.version) {
		panic("bad call " + head)
	}
	proc := d.uint32()
	d.bytes(16)
	switch proc {
	case procSet:
		held := f.find(d.data) >= 0
		if !held {
			f.list = append(f.list, d.data)
		}
		return accepted(call, boolean(!held))
	case procUnset:
		i := f.find(d.data)
		if i >= 0 {
			f.list = slices.Delete(f.list, i, i+1)
		}
		return accepted(call, boolean(i >= 0))
	case procDump:
		var results []byte
		for _, r := range f.list {
			results = append(append(results, boolean(true)...), r...)
		}
		return accepted(call, append(results, boolean(false)...))
	}
	panic("bad procedure")
}

// find returns the index of the program, version and network (or protocol) of args.
func (f *fake) find(args []byte) int {
	key := func(args []byte) string {
		d := decoder{data: args}
		head := string(d.bytes(8))
		if f.version == portmapVersion {
			return fmt.Sprint(head, d.uint32())
		}
		return head + d.string()
	}
	return slices.IndexFunc(f.list, func(r []byte) bool { return key(r) == key(args) })
}

func boolean(b bool) []byte {
	if b {
		return appendUint32(nil, 1)
	}
	return appendUint32(nil, 0)
}
