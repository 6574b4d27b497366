/*
 * reference tcp|udp ADDRESS PORT PROGRAM
 *
 * The measure of all others, 1.00: the least that a C program can do to serve
 * one port. TCP is "nowait": accept4, vfork (which is clone with CLONE_VM and
 * CLONE_VFORK), close; the kernel reaps because SIGCHLD is ignored. UDP is
 * "wait": the next server starts when the one before has gone.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t
start(int fd, char *program)
{
	char *argv[] = { program, NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		execv(program, argv);
		_exit(127);
	}
	return pid;
}

static void
nowait(int listener, char *program)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		start(fd, program);
		close(fd);
	}
}

static void
wait_for_each(int fd, char *program)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	for (;;) {
		if (poll(&readable, 1, -1) == 1)
			waitpid(start(fd, program), NULL, 0);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int on = 1, fd, tcp;

	if (argc != 5)
		errx(1, "usage: reference tcp|udp address port program");
	tcp = strcmp(argv[1], "tcp") == 0;
	at.sin_port = htons(atoi(argv[3]));
	if (inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		errx(1, "bad address %s", argv[2]);

	fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0)
		err(1, "bind %s port %s", argv[2], argv[3]);
	if (!tcp)
		wait_for_each(fd, argv[4]);
	if (listen(fd, 4096) < 0)
		err(1, "listen");
	nowait(fd, argv[4]);
}
