//go:build linux && (amd64 || arm64)

package nofile

func read() (l Limit) {
	prlimit(&l)
	return l
}

// prlimit reads the process's RLIMIT_NOFILE.
//
//go:noescape
func prlimit(old *Limit)
