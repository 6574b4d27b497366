// Package nofile remembers the RLIMIT_NOFILE the process was started with, for package
// child, which gives it to servers. Package syscall raises the soft limit while it
// initializes, and servers must not inherit the raised value: programs that use select(2)
// break above 1024.
//
// The package imports nothing, so that it is initialized before package
// syscall: among packages whose imports are ready, Go initializes the one
// whose path sorts first.
package nofile

// Limit is a pair of resource limits, as the kernel lays it out.
type Limit struct{ Soft, Hard uint64 }

// AtStart is the limit before package syscall changed it. It is zero where
// this package has no assembly; there syscall.ForkExec restores the limit.
var AtStart = read()
