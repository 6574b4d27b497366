package builtin

import (
	"encoding/binary"
	"time"
)

// ctimeLayout is the text of ctime(3). RFC 867 asks only for something that a
// person can read, but programs have come to expect these 24 characters.
const ctimeLayout = "Mon Jan _2 15:04:05 2006\r\n"

// epochOffset is the seconds from 1900, where RFC 868 starts, to 1970.
const epochOffset = 2208988800

// timestamp appends the seconds since 1900 in 32 bits, which start over on
// 7 February 2036 as RFC 868 has it.
func timestamp(dst []byte, now time.Time) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(now.Unix()+epochOffset))
}
