/* An ordinary wait server, linked with the C library: one datagram and the end. */
#include <sys/socket.h>

int
main(void)
{
	char data[64];
	struct sockaddr_storage peer;
	socklen_t size = sizeof peer;
	ssize_t n = recvfrom(0, data, sizeof data, 0, (struct sockaddr *)&peer, &size);

	return n < 0 || sendto(0, data, n, 0, (struct sockaddr *)&peer, size) < 0;
}
