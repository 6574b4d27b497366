// Package zone finds the local time. In goes the environment variable TZ in any of its
// forms; out comes the time of day as the C library would tell it. Package time does not
// know the rules that POSIX allows in TZ, and reads /etc/localtime only once.
package zone

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"inetd/internal/textfile"
)

const (
	localtime = "/etc/localtime" // without TZ
	fileLimit = 1 << 20          // in bytes: zones take a few thousand
	age       = time.Second      // how long a change of the file may go unnoticed
)

// Location returns the zone that TZ names. As in the C library an empty TZ, or
// one that makes no sense, is UTC.
func Location(tz string) *time.Location {
	tz = strings.TrimPrefix(tz, ":")
	if filepath.IsAbs(tz) {
		if l := file(tz); l != nil {
			return l
		}
		return time.UTC
	}
	if l, err := time.LoadLocation(tz); err == nil && tz != "Local" {
		return l
	}
	return rules(tz)
}

// file reads a zone from a file, or returns nil.
func file(path string) *time.Location {
	data, err := textfile.Read(path, fileLimit)
	if err != nil {
		return nil
	}
	l, err := time.LoadLocationFromTZData("Local", []byte(data))
	if err != nil {
		return nil
	}
	return l
}

// rules returns the zone of a POSIX TZ such as CET-1CEST,M3.5.0,M10.5.0/3. Such a string
// is also the last line of a zone's file (RFC 9636, section 3.3), for times after the last
// change that the file lists. So rules makes a file that lists none. A string that makes
// no sense gives UTC, the only zone in that file.
func rules(tz string) *time.Location {
	if strings.ContainsAny(tz, "\n\x00") {
		return time.UTC
	}
	const zone = "\x00\x00\x00\x00\x00\x00UTC\x00" // offset 0, no summer time, name 0
	head := append([]byte("TZif2"), make([]byte, 15+4*4)...)
	head = binary.BigEndian.AppendUint32(head, 1)                      // zones
	head = binary.BigEndian.AppendUint32(head, uint32(len("UTC\x00"))) // bytes of names
	block := string(head) + zone
	l, err := time.LoadLocationFromTZData("Local", []byte(block+block+"\n"+tz+"\n")) // once in 32 bits, once in 64
	if err != nil {
		return time.UTC
	}
	return l
}

// Clock tells the local time. If that comes from a file, it notices within a second that
// the file has changed. A Clock may be used by several goroutines.
type Clock struct {
	path string // "": no file

	mu      sync.Mutex
	zone    *time.Location
	checked time.Time
	seen    status
}

// status tells one version of a file from another.
type status struct {
	device, inode uint64
	written       syscall.Timespec
}

// NewClock makes a Clock for the environment of this process.
func NewClock() *Clock {
	tz, set := os.LookupEnv("TZ")
	path := strings.TrimPrefix(tz, ":")
	switch {
	case !set:
		return &Clock{path: localtime, zone: time.UTC}
	case filepath.IsAbs(path):
		return &Clock{path: path, zone: time.UTC}
	}
	return &Clock{zone: Location(tz)}
}

// Now returns the present time in the local zone.
func (c *Clock) Now() time.Time {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.path != "" && now.Sub(c.checked) >= age {
		c.checked = now
		c.look()
	}
	return now.In(c.zone)
}

// look reads the file if it has changed. A file that is gone or damaged leaves the zone
// as it is.
func (c *Clock) look() {
	var st syscall.Stat_t
	if syscall.Stat(c.path, &st) != nil {
		return
	}
	s := status{uint64(st.Dev), st.Ino, st.Mtim}
	if s == c.seen {
		return
	}
	c.seen = s
	if l := file(c.path); l != nil {
		c.zone = l
	}
}
