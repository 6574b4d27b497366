/* cold PORT MILLISECONDS: a server that knows nothing of inetd. It listens on the
 * loopback address after a while, and tells each client that has said something when it
 * began to, as nanoseconds of CLOCK_MONOTONIC. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct sockaddr_in at;
	struct timespec now;
	char answer[32], byte;
	int fd, conn, one = 1;

	if (argc != 3)
		return 2;
	usleep(atoi(argv[2]) * 1000);
	memset(&at, 0, sizeof at);
	at.sin_family = AF_INET;
	at.sin_port = htons(atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 128) != 0)
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(answer, sizeof answer, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
	while ((conn = accept(fd, NULL, NULL)) >= 0) {
		if (read(conn, &byte, 1) == 1 && write(conn, answer, strlen(answer)) < 0)
			return 1;
		close(conn);
	}
	return 1;
}
