#include "go_asm.h"
#include "textflag.h"

// func spawn(args *cloneArgs, s *slot) (pid int)
//
// The child never returns. It runs the slot's calls from registers alone: it
// shares the daemon's memory while the daemon runs on, so it may touch nothing
// but its slot, and there is no Go in it (no g, no stack growth, no signals).
TEXT ·spawn(SB), NOSPLIT, $0-24
	MOVQ	args+0(FP), DI
	MOVQ	s+8(FP), R12
	MOVQ	$cloneArgs__size, SI
	MOVQ	$435, AX		// clone3
	SYSCALL
	TESTQ	AX, AX
	JZ	child
	MOVQ	AX, pid+16(FP)
	RET

child:
	MOVQ	slot_calls(R12), R13
	XORL	BX, BX			// calls that succeeded

next:
	MOVQ	call_nr(R13), AX
	MOVQ	call_args+0(R13), DI
	MOVQ	call_args+8(R13), SI
	MOVQ	call_args+16(R13), DX
	MOVQ	call_args+24(R13), R10
	MOVQ	call_args+32(R13), R8
	MOVQ	call_args+40(R13), R9
	SYSCALL
	CMPQ	AX, $-4095
	JCC	failed			// unsigned: -4095 to -1 is an errno
	INCL	BX
	MOVL	BX, slot_done(R12)
	ADDQ	$call__size, R13
	JMP	next

failed:
	NEGQ	AX
	MOVL	AX, slot_errno(R12)
	MOVQ	$1, AX			// write: wake the loop
	MOVQ	slot_wake(R12), DI
	LEAQ	slot_one(R12), SI
	MOVQ	$8, DX
	SYSCALL

exit:
	MOVQ	$231, AX		// exit_group
	MOVQ	$127, DI
	SYSCALL
	JMP	exit
