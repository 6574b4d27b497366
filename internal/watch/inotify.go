package watch

import (
	"errors"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inotify is an inotify instance and the goroutine that reads from it.
//
// For each place it asks the kernel for exactly those events that tell of a change at a
// watched path. Existing libraries ask for all events of a directory: each file that
// anybody made in a directory above a configuration file would wake the daemon.
type inotify struct {
	file   *os.File
	events chan []event // several at once, as they were read
}

// event is what the kernel says of a watch.
type event struct {
	watch int // its number; negative: events were lost
	mask  uint32
	name  string // of a file in a directory
}

// pause is how long events are left in the kernel's queue after some were read, so that
// thousands of them wake the daemon only a few times. If the queue overflows that is an
// event, too.
const pause = 100 * time.Millisecond

func openInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	n := &inotify{os.NewFile(uintptr(fd), "inotify"), make(chan []event)}
	return n, nil
}

// run reads events until stop is closed or the instance is.
func (n *inotify) run(stop <-chan struct{}) {
	buffer := make([]byte, 16<<10)
	for {
		size, err := n.file.Read(buffer)
		if err != nil {
			return
		}
		select {
		case n.events <- parse(buffer[:size]):
		case <-stop:
			return
		}
		select {
		case <-time.After(pause):
		case <-stop:
			return
		}
	}
}

// parse takes apart what was read from an inotify instance: see inotify(7).
func parse(b []byte) (list []event) {
	const header = unix.SizeofInotifyEvent
	for len(b) >= header {
		e := (*unix.InotifyEvent)(unsafe.Pointer(unsafe.SliceData(b)))
		end := header + int(e.Len)
		list = append(list, event{int(e.Wd), e.Mask, strings.TrimRight(string(b[header:end]), "\x00")})
		b = b[end:]
	}
	return list
}

// add watches what is at a place for the events in mask and no others, and returns the
// number of the watch. Something that is watched already keeps its number.
func (n *inotify) add(place string, mask uint32) (watch int, err error) {
	err = n.control(func(fd int) (err error) {
		watch, err = unix.InotifyAddWatch(fd, place, mask)
		return err
	})
	return watch, err
}

// remove ends a watch, unless the kernel has done so.
func (n *inotify) remove(watch int) {
	_ = n.control(func(fd int) error {
		_, err := unix.InotifyRmWatch(fd, uint32(watch))
		return err
	})
}

func (n *inotify) control(f func(fd int) error) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return err
	}
	var e error
	return errors.Join(raw.Control(func(fd uintptr) { e = f(int(fd)) }), e)
}
