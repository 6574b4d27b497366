#include "textflag.h"

// func prlimit(old *Limit)
TEXT ·prlimit(SB), NOSPLIT, $0-8
	MOVQ	$0, DI			// pid 0: this process
	MOVQ	$7, SI			// RLIMIT_NOFILE
	MOVQ	$0, DX			// no new limit
	MOVQ	old+0(FP), R10
	MOVQ	$302, AX		// prlimit64
	SYSCALL
	RET
