package inetd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"inetd/internal/examine"
	"inetd/internal/plan"
	"inetd/internal/strerror"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// tellClosed logs why a socket could not be opened, with what to do as far as that is
// known. Who has an address is found out beside the loop.
func (s *Server) tellClosed(k *socket, err error) {
	v, advice := k.svc, ""
	tell := func() {
		if advice != "" {
			advice = "; " + advice
		}
		s.tell(syslog.Err, v, v.label+": "+strerror.Call(err), k.spec.String(), "; it will be tried again"+advice)
	}
	advice = cmp.Or(s.advice(k, err), examine.Address(k.spec, err))
	if !errors.Is(err, unix.EADDRINUSE) || advice != "" || !k.spec.Addr.IsValid() || s.examinations.full() {
		tell()
		return
	}
	spec := k.spec
	s.beside(&s.examinations, examineTime, func(ctx context.Context) {
		until, _ := ctx.Deadline()
		advice = examine.Holder(spec, until.Add(-time.Second))
	}, tell)
}

// advice is what to do about a socket that could not be opened, as far as the daemon
// itself knows.
func (s *Server) advice(k *socket, err error) string {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return s.whoHolds(k)
	case errors.Is(err, unix.ENFILE):
		return "raise fs.file-max, the number of open files of the system"
	case !errors.Is(err, unix.EMFILE):
		return ""
	}
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	sockets := 0
	for _, v := range s.services {
		for k := v.first; k != nil; k = k.next {
			sockets++
		}
	}
	return fmt.Sprintf("%s need more than the %d open files that are allowed: raise ulimit -n, or LimitNOFILE of systemd",
		plan.Count(sockets, "socket", "sockets"), limit.Cur)
}
