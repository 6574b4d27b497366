//go:build amd64 || arm64

package child

// hasStub says that there is the assembly that clone3 needs.
const hasStub = true

// spawn makes a process by clone3. The child executes the calls of the slot, of
// which the last one is an exec; after the first that fails it stores the
// errno, wakes the daemon and exits. The result is a process id or a negated
// errno.
//
//go:noescape
func spawn(args *cloneArgs, s *slot) (pid int)
