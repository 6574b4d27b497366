//go:build !amd64 && !arm64

package child

import "syscall"

// spawn exists for amd64 and arm64; elsewhere a Starter uses syscall.ForkExec.
func spawn(args *cloneArgs, s *slot) (pid int) { return -int(syscall.ENOSYS) }
