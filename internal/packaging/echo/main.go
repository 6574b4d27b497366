// Echo is the server that the tests of the packages start. It needs no library, so that
// it runs in an image without any. When told to end, it tells its client so.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	go func() {
		<-told
		fmt.Println("told to end")
		os.Exit(0)
	}()
	_, _ = io.Copy(os.Stdout, os.Stdin)
}
