// Package inetd is the super-server: it turns a configuration into listening sockets, and
// each client into a running server. In goes a Config; out come processes, and log lines
// that say why whenever something does not work.
//
// # The flow
//
//	files --conf--> entries --plan.Load--> plan --table.Assemble--> generation --keep.Merge--> open sockets
//	                                                                                             |
//	log <-- reap <-- child.Starter <-- start <-- attend <-- admit <-- accept <-- readable <-- gate
//
// Two packages look after the sockets: keep opens them, keeps them open and mends them;
// gate decides which of them are polled. If a service is at a limit its sockets are not,
// and so its clients wait.
//
// A client passes through stages. Each stage is a package, which holds the state of that
// stage:
//
//	arrival    clients that come through a proxy      talk       builtins, tcpmux, ident
//	admission  what can be decided at once            passing    relays, servers on demand
//	inquiry    rules and names that are looked up     running    the processes, and their ends
//	                                                  diagnose   why servers do not serve
//
// The stages tell the logbook what happens, and hand on a client.Client. This package
// turns the loop, leads clients from stage to stage, and gives each stage what it needs
// of the others.
//
// The first word of a file's name says what the file leads: client_ a connection, dgram_ a
// datagram, wait_ a socket that is lent, process_ a child, load_ a configuration, and
// upgrade_ this program. The first sentence of the file says why it needs the loop.
//
// A load (package plan) runs beside the event loop and has no effect: it reads files,
// parses, looks up names, ports, users and hosts, and returns a plan. What it needs to
// know of the machine it is told (package machine), and name servers are asked for it
// (package hosts). Still beside the loop, package table makes a generation of the plan:
// services with their programs (package compile). Of the plan a generation keeps what
// services use (actions, keys, rules, banners, accounts) and, while an entry waits for
// something, the text of all files. Only merging a generation (package keep) opens, moves
// or closes anything. So checking a configuration is a load that prints (package
// inspect), and a reload that fails has changed nothing.
//
// Something that an entry lacks may turn up later: a user, a host, a program. The entries
// that were read are then planned again, less and less often, until no entry waits
// (load_late.go). Package keep notices interfaces and addresses that come and go.
//
// # Who owns what
//
// One goroutine, that of Server.Run, owns every service, socket and process, and the
// state of all stages. It turns one level-triggered epoll loop (server.go), and puts what
// a load brings into force (load.go). No lock guards any of this.
//
// Whatever has to wait for others has one shape (loop.Beside). A question gets a goroutine
// of its own, which owns what it was given (a connection, a copy of the Config). The answer
// is a function that runs on the loop. Each kind of question has a cap and a deadline: if
// there is no room, or the answer does not come in time, the loop goes on without it. Loads,
// inquiries, the headers of proxies and examinations work like this. Four things live longer
// than a question, so each has goroutines that it ends itself: the conversations of builtins
// (package talk), the watch on files (watch), the registrations (registrar) and the log
// (syslog).
//
// A reload replaces services, but not their sockets: a socket with the same sock.Spec
// before and after stays open, with its queue and the server that has it, and is handed
// to the new service. What a service has used of its limits goes with its sockets.
//
// # The life of a connection
//
// The listening socket becomes readable. While a limit of the service forbids a start, the
// socket is not polled, and clients wait in its listen queue. Otherwise accept4 gives a
// blocking, close-on-exec descriptor and the peer's address, and the limits of that
// address are checked. The environment is written into a buffer that is used again.
// child.Starter clones a process that turns itself into the server. The end of the server
// is noticed at the next turn of the loop, or by a pidfd if the server lives longer than a
// moment. Nothing on this path allocates.
//
// If an entry asks for access rules or host names, an inquiry (package inquiry) comes
// before the start: a goroutine for each client consults the rules and name servers
// (package wrap), and the loop goes on with the client when it has the answer.
//
// The clients of an entry with the key connect do not get a process each: package passing
// serves them, with the relays and the servers on demand that they need (client_pass.go).
//
// # The life of a datagram
//
// Builtins answer at once. A wait server gets the socket itself, which is not polled
// until the server ends. For a nowait server the datagram is taken out, a second socket
// is bound to the same address and connected to the client, and the datagram is sent to
// the second socket once more over the loopback device (package dgram).
//
// # Another program in the same process
//
// In an upgrade (upgrade.go) the new program first proves itself in a child, which reads
// the configuration and the state that it would inherit. Then this program stops polling.
// What ends soon ends; builtins are interrupted where they wait for their clients
// (packages talk and stream); and the rest is written down (upgrade_bequest.go, package
// succession): every descriptor and what it is, the children, and the counts (package
// handover). Package main executes the new program. That program, the heir (upgrade_heir.go),
// makes services of the state, as yet without programs, and puts its first load into
// force as a reload. So an upgrade keeps what a reload keeps; and new state of a service,
// a process or a client must be added to package succession.
//
// # Facts that decided the shape
//
// Package net opens MPTCP listeners, turns on keepalive, shares O_NONBLOCK with the child
// and cannot wait for a connection without taking it, which a wait service needs. One
// goroutine per service costs 21 MB for 5,000 services. A thread blocked in waitid per
// child, as os.Process has it, costs 20 MB for 1,000 children. A SIGCHLD handler doubles
// the daemon's cost of a connection. A copy of the descriptor table per child halves the
// rate with 1,000 services.
//
// Go's monitor thread takes a goroutine that never yields for a hog, so the loop yields
// now and then. The runtime collects the garbage of an idle program every two minutes,
// which keeps two megabytes of the program in memory, so package gc paces the
// collections. The runtime ends a program that needs a thread and gets none, as when
// servers have used up a limit on processes, so package threads makes them at the start.
package inetd
