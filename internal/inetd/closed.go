package inetd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"inetd/internal/diagnose"
	"inetd/internal/examine"
	"inetd/internal/plan"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// tellClosed logs why a socket could not be opened, with what to do as far as that is
// known. Who has an address is found out beside the loop.
func (s *Server) tellClosed(k *table.Socket, err error) {
	v, advice := k.Service, ""
	tell := func() {
		if advice != "" {
			advice = "; " + advice
		}
		s.log.Tell(syslog.Err, v, v.Label+": "+strerror.Call(err), k.Spec.String(), "; it will be tried again"+advice)
	}
	advice = cmp.Or(s.advice(k, err), examine.Address(k.Spec, err))
	if !errors.Is(err, unix.EADDRINUSE) || advice != "" || !k.Spec.Addr.IsValid() || s.examinations.Full() {
		tell()
		return
	}
	spec := k.Spec
	s.examinations.Do(diagnose.ExamineTime, func(ctx context.Context) {
		until, _ := ctx.Deadline()
		advice = examine.Holder(spec, until.Add(-time.Second))
	}, tell)
}

// advice is what to do about a socket that could not be opened, as far as the daemon
// itself knows.
func (s *Server) advice(k *table.Socket, err error) string {
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
		for k := v.First; k != nil; k = k.Next {
			sockets++
		}
	}
	return fmt.Sprintf("%s need more than the %d open files that are allowed: raise ulimit -n, or LimitNOFILE of systemd",
		plan.Count(sockets, "socket", "sockets"), limit.Cur)
}
