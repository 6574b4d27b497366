package main

const usage = `Usage: inetd [OPTION]... [FILE | DIRECTORY]...
       inetd --check [--json] [FILE | DIRECTORY]...
       inetd --convert [FILE | DIRECTORY]...
       inetd -c | -k | --upgrade [-p PIDFILE]
       inetd --status [--json] [SERVICE]... | --metrics | --explain=SERVICE
`

const help = `
Without operands the configuration is /etc/inetd.conf and, if it exists, the
directory /etc/inetd.d.

Running:
  -d, --debug              stay in the foreground and log on standard error too
  -f, -i, --foreground     stay in the foreground
  -e, --log=stderr         log on standard error alone; default: --log=syslog
  -p, --pidfile[=FILE]     the pid file (/run/inetd.pid); without FILE: none
      --services=FILE      the services file; default: one beside the first
                           configuration file, else /etc/services
      --entry=TEXT         serve this entry, after those of the files; without
                           operands, entries alone are the configuration
      --watch              reload by itself when a file changes on disk

Sockets:
  -a, --bind=ADDRESS       where entries without an address listen
  -q, --backlog=N          length of the listen queue (128)

Limits (0: none):
  -R, --rate=N             starts of each service per minute (256)
  -C, --max-per-minute=N   the same for each client address (0)
  -c, --max-children=N     servers of each service at a time (0)
  -s, --max-per-source=N   the same for each client address (0)
      --max-processes=N    servers altogether (0); HP-UX: -p N
  -r N [SECONDS]           HP-UX: N starts of each service per SECONDS (60)

Servers:
  -E, --keep-env           leave them the whole environment of the daemon
      --environment        tell them addresses and ports (always done)
      --resolve            tell them host names too
  -l, -w, --wrap           hosts.allow and hosts.deny decide who reaches them
  -W, --wrap-internal      and who reaches the internal services
      --end-servers        tell them to end when the daemon ends
      --log-connections    log the start and the end of each; HP-UX: -s

Another inetd:
  -c, --reload             make the running one reload, and print the outcome
  -k, --stop               end the running one
      --upgrade            make the running one go on with the program that is
                           installed now, and print what came of it
      --check              print what would be served and what is wrong
      --convert            print the configuration as one file in the second
                           syntax, for FILE or DIRECTORY in any dialect
      --status             print what the running one does; with operands, all
                           about these services
      --json               --check, --status: print it for programs
      --metrics            print its counters as OpenMetrics text
      --explain=SERVICE    print the whole story of a service: what the files
                           say, what is in force, how its servers fared
      --from=ADDRESS       --explain: and what the rules say of this client

  -h, --help               print this
      --usage              print the first lines of this
  -V, --version            print the version

The exit status is 0, 1 when something is wrong, or 3 when no inetd runs that
could be asked. -c and -s are limits when a number follows. See inetd(8) and
inetd.conf(5).
`
