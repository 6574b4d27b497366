package sock

import "golang.org/x/sys/unix"

// Readable reports whether a descriptor is readable. An error alone does not count.
func Readable(fd int) bool { return poll(fd, unix.POLLIN) }

// HungUp reports whether a datagram socket has been shut down for reading. Such a
// socket is readable for ever.
func HungUp(fd int) bool { return poll(fd, unix.POLLRDHUP) }

func poll(fd int, events int16) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	n, err := unix.Poll(p, 0)
	return n == 1 && err == nil && p[0].Revents&events != 0
}
