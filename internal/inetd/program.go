package inetd

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"

	"inetd/internal/strerror"
)

// unusable says why a server program cannot be executed by root, or nothing.
func unusable(path string) string {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Sprintf("server %s: %s", path, strerror.Cause(err))
	case info.IsDir():
		return fmt.Sprintf("server %s is a directory", path)
	case info.Mode().Perm()&0o111 == 0:
		return fmt.Sprintf("server %s is not executable", path)
	}
	return missingInterpreter(path)
}

// missingInterpreter explains why executing a file that exists gives "No such
// file or directory": the program in its first line does not exist.
func missingInterpreter(path string) string {
	interp := interpreter(path)
	if interp == "" {
		return ""
	}
	if _, err := os.Stat(interp); err != nil {
		return fmt.Sprintf("interpreter %s of %s: %s", interp, path, strerror.Cause(err))
	}
	return ""
}

// interpreter returns the program named in the first line of a script.
func interpreter(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	defer f.Close()
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n') // the kernel reads no more
	rest, ok := strings.CutPrefix(string(line), "#!")
	if words := strings.Fields(rest); ok && len(words) > 0 {
		return words[0]
	}
	return ""
}
