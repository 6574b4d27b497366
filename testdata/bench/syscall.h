/*
 * System calls without a C library, so that a server's own start costs
 * nothing but the kernel's execve.
 */
#if defined(__x86_64__)

enum { SYS_write = 1, SYS_sendto = 44, SYS_recvfrom = 45, SYS_exit_group = 231 };

static inline long
call(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
	    : "=a"(result)
	    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	    : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

enum { SYS_write = 64, SYS_exit_group = 94, SYS_sendto = 206, SYS_recvfrom = 207 };

static inline long
call(long number, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
	    : "+r"(x0)
	    : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
	    : "memory");
	return x0;
}

#else
#error "no system calls for this machine"
#endif
