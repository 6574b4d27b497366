/* An ordinary server: linked with the C library, which it loads at each start. */
#include <stdio.h>

int
main(void)
{
	return puts("ok") == EOF;
}
