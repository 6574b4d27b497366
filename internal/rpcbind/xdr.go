package rpcbind

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errShort says that a message ends too early.
var errShort = errors.New("truncated message from rpcbind")

// appendUint32 appends numbers as XDR has them (RFC 4506 section 4.2).
func appendUint32(dst []byte, numbers ...uint32) []byte {
	for _, n := range numbers {
		dst = binary.BigEndian.AppendUint32(dst, n)
	}
	return dst
}

// appendString appends texts, each with its length before it and zeros up to a
// multiple of four behind it (RFC 4506 section 4.11).
func appendString(dst []byte, texts ...string) []byte {
	for _, text := range texts {
		dst = appendUint32(dst, uint32(len(text)))
		dst = append(dst, text...)
		dst = append(dst, make([]byte, padding(len(text)))...)
	}
	return dst
}

func padding(n int) int { return -n & 3 }

// decoder takes values from the front of data. After the first that is missing it returns
// zeros, and err is set.
type decoder struct {
	data []byte
	err  error
}

func (d *decoder) bytes(n uint32) []byte {
	if d.err != nil || uint64(n) > uint64(len(d.data)) {
		d.err = errShort
		return nil
	}
	b := d.data[:n]
	d.data = d.data[n:]
	return b
}

func (d *decoder) uint32() uint32 {
	if b := d.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) string() string {
	n := d.uint32()
	text := string(d.bytes(n))
	d.bytes(uint32(padding(int(n))))
	return text
}

// registration is one entry of the portmapper's list.
type registration struct {
	program, version      uint32
	netid, address, owner string
}

// String returns where the program is registered and, if that is known, by whom.
func (r registration) String() string {
	if r.owner == "" {
		return r.address
	}
	return r.address + " by " + r.owner
}

// decodeList takes the results of DUMP: entries, each after a true, and a false at the
// end.
func decodeList(results []byte, version uint32) ([]registration, error) {
	d := decoder{data: results}
	var list []registration
	for d.uint32() != 0 {
		r := registration{program: d.uint32(), version: d.uint32()}
		if version == portmapVersion {
			r.netid, r.address = portmapNetid(d.uint32()), portAddress(d.uint32())
		} else {
			r.netid, r.address, r.owner = d.string(), d.string(), d.string()
		}
		list = append(list, r)
	}
	return list, d.err
}

func portmapNetid(protocol uint32) string {
	for netid, number := range portmapProtocols {
		if number == protocol {
			return netid
		}
	}
	return fmt.Sprintf("protocol %d", protocol)
}
