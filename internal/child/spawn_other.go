//go:build !amd64 && !arm64

package child

import "syscall"

// hasStub says that there is the assembly that clone3 needs.
const hasStub = false

// spawn exists for amd64 and arm64; elsewhere a Starter uses syscall.ForkExec.
func spawn(args *cloneArgs, s *slot) (pid int) { return -int(syscall.ENOSYS) }
