// Package inetd is the super-server: it turns a configuration into listening
// sockets and each client into a running server. In goes a Config; out come
// processes, and log lines that say why whenever something does not work.
//
// # The flow
//
//	files --conf--> entries --plan.Load--> plan --table.Assemble--> generation --keep.Merge--> open sockets
//	                                                                                             |
//	log <-- reap <-- child.Starter <-- start <-- attend <-- admit <-- accept <-- readable <-- gate
//
// Two packages have the sockets: keep opens them, keeps them open and mends them, and gate
// says which of them are polled, which is how a limit makes clients wait.
//
// Each stage of the way of a client is a package, which has the state of that stage:
//
//	arrival    who comes through a proxy            talk       builtins, tcpmux, ident
//	admission  who is served, as far as is known    passing    relays, servers on demand
//	inquiry    rules and names that are looked up   running    the processes, and their ends
//	                                                diagnose   why servers do not serve
//
// They tell the logbook what happens, and hand on a client.Client. This package turns the
// loop and leads from one to the next: it has what a stage needs of another one.
//
// A load (package plan) runs beside the event loop and has no effect: it reads
// files, parses, looks up names, ports, users and hosts, and returns a plan. Still
// beside the loop package table makes it a generation: services with their programs
// (package compile), and nothing else of the plan is kept. Merging a generation (package
// keep) is the only way anything gets opened, moved or closed. So checking a
// configuration is a load that prints (package inspect), and a reload that fails has
// changed nothing.
//
// What an entry lacks may come by itself: a user, a host, a program. The plan then
// comes with what was read, and is made again, less and less often, until nothing
// waits (late.go). Interfaces and addresses that come and go are noticed (package keep).
//
// # Who owns what
//
// One goroutine, that of Server.Run, owns every service, socket and process,
// and what the packages of the stages have of them. It turns one level-triggered epoll
// loop (server.go); what a load brings is put into force in reload.go. There is no lock
// around any of it. Whatever takes time runs in another goroutine, which owns what it was
// given (a connection, a copy of the Config) and answers by posting a function to the
// loop (loop.Beside, loop.Attempts).
//
// A service is replaced by a reload. Its sockets are not: a socket with the
// same sock.Spec before and after stays open, with its queue and the server
// that has it, and is handed to the new service. What a service has used of its
// limits goes with its sockets.
//
// # The life of a connection
//
// The listening socket is readable; if the service's limits allow a start (else
// it is not polled until they do, and clients wait in the listen queue), accept4
// gives a blocking, close-on-exec descriptor and the peer's address; the limits
// of that address are asked; the environment is written into a buffer that is
// used again; child.Starter clones a process that makes itself the server; its
// end is noticed at the next turn of the loop, or by a pidfd if it lives longer
// than a moment. Nothing on this path allocates.
//
// Where rules of access or names of hosts are wanted, an inquiry (package inquiry)
// comes before the start: a goroutine for each client asks the rules and name
// servers (package wrap), and the loop goes on with the client when it has the
// answer.
//
// The clients of an entry with the key connect get no process each: package passing has
// them, with the relays and the servers on demand that they need (passing.go).
//
// # The life of a datagram
//
// Builtins answer at once. A wait server gets the socket itself, which is not
// polled until that ends. For a nowait server the datagram is taken out, a
// second socket is bound to the same address and connected to the client, and
// the datagram is sent to it once more over the loopback device (package dgram).
//
// # Another program in the same process
//
// An upgrade (upgrade.go) has the new program prove itself in a child, which reads the
// configuration and what it would be left. Then nothing is polled any more; what ends
// soon ends, builtins are interrupted where they wait for their clients (packages talk
// and stream), and the rest is written down (bequest.go, package succession): every
// descriptor with what it is, the children, and what counts (package handover). Package
// main executes the program. That one, the heir (heir.go), makes services without programs
// of it and puts its first load into force as a reload. So what a reload keeps, an upgrade
// keeps; what is new in the state of a service, a process or a client has to be written
// down by package succession.
//
// # Facts that decided the shape
//
// Package net opens MPTCP listeners, turns on keepalive, shares O_NONBLOCK with
// the child and cannot wait for a connection without taking it, which a wait
// service needs. One goroutine per service costs 21 MB for 5,000 of them. A
// thread blocked in waitid per child, as os.Process has it, costs 20 MB for
// 1,000. A SIGCHLD handler doubles the daemon's cost of a connection. A copy of
// the descriptor table per child halves the rate with 1,000 services.
//
// To Go's monitor thread a goroutine that never yields is a hog, so the loop
// does now and then. An idle program collects garbage every two minutes, and has
// two megabytes of itself in memory for that, so collections are paced
// by package gc. The runtime ends a program that needs a thread and gets none, as
// at a limit of processes that servers have used up, so package threads makes
// them at the start.
package inetd
