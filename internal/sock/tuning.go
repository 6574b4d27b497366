package sock

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Tuning is what the key sockopt asks for. Connections inherit all of it from their
// listening socket. The zero Tuning asks for nothing and takes no system call.
type Tuning struct {
	KeepAlive, NoDelay, FreeBind bool
	Device, Congestion           string
	Mark                         uint32
	TOS                          int // of IPv6: the traffic class
	FastOpen                     int // the length of the queue of connections that begin with data
	UserTimeout                  time.Duration
}

// apply sets what t asks for. It comes before bind, for which Device and FreeBind matter.
func (t *Tuning) apply(fd int, s Spec) error {
	if *t == (Tuning{}) {
		return nil
	}
	if t.Device != "" {
		if err := os.NewSyscallError("setsockopt SO_BINDTODEVICE "+t.Device, unix.BindToDevice(fd, t.Device)); err != nil {
			return err
		}
	}
	if t.Congestion != "" {
		err := unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, t.Congestion)
		if err != nil {
			return os.NewSyscallError("setsockopt TCP_CONGESTION "+t.Congestion, err)
		}
	}
	for _, o := range t.numbers(s) {
		if o.value == 0 {
			continue
		}
		if err := setInt(fd, o.level, o.number, o.value, o.name); err != nil {
			return err
		}
	}
	return nil
}

// number is an option whose value is a number; 0 leaves it as it is.
type number struct {
	option
	value int
}

func (t *Tuning) numbers(s Spec) []number {
	list := []number{
		{option{unix.SOL_SOCKET, unix.SO_KEEPALIVE, "SO_KEEPALIVE"}, flag(t.KeepAlive)},
		{option{unix.SOL_SOCKET, unix.SO_MARK, "SO_MARK"}, int(t.Mark)},
		{option{unix.IPPROTO_TCP, unix.TCP_NODELAY, "TCP_NODELAY"}, flag(t.NoDelay)},
		{option{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT"}, int(t.UserTimeout.Milliseconds())},
		{option{unix.IPPROTO_TCP, unix.TCP_FASTOPEN, "TCP_FASTOPEN"}, t.FastOpen},
	}
	if s.has(unix.IPPROTO_IP) {
		list = append(list, number{option{unix.IPPROTO_IP, unix.IP_TOS, "IP_TOS"}, t.TOS},
			number{option{unix.IPPROTO_IP, unix.IP_FREEBIND, "IP_FREEBIND"}, flag(t.FreeBind)})
	}
	if s.has(unix.IPPROTO_IPV6) {
		list = append(list, number{option{unix.IPPROTO_IPV6, unix.IPV6_TCLASS, "IPV6_TCLASS"}, t.TOS},
			number{option{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, "IPV6_FREEBIND"}, flag(t.FreeBind)})
	}
	return list
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// Retune takes back on an open socket what t has asked for and o no longer does.
func Retune(fd int, s Spec, t Tuning, o Options) error {
	if t == o.Tuning {
		return nil
	}
	if t.Device != "" && o.Tuning.Device == "" {
		if err := unix.BindToDevice(fd, ""); err != nil {
			return os.NewSyscallError("setsockopt SO_BINDTODEVICE", err)
		}
	}
	Restore(fd, s, o)
	return nil
}
