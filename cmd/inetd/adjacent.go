package main

// The linker lays packages out in the order in which package main comes to import them,
// by the names of its files. The kernel maps the program in pieces of 64 KiB, so the
// packages that serve each client use less memory if they lie together. They are imported
// here first, after those that they would otherwise bring in between.
import (
	_ "encoding/json"
	_ "net"

	_ "inetd/internal/account"
	_ "inetd/internal/child"
	_ "inetd/internal/environ"
	_ "inetd/internal/gc"
	_ "inetd/internal/limit"
	_ "inetd/internal/loop"
	_ "inetd/internal/sock"
)
