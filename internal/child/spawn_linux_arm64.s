#include "go_asm.h"
#include "textflag.h"

// func spawn(args *cloneArgs, s *slot) (pid int)
//
// The child never returns. It runs the slot's calls from registers alone: it
// shares the daemon's memory while the daemon runs on, so it may touch nothing
// but its slot, and there is no Go in it (no g, no stack growth, no signals).
TEXT ·spawn(SB), NOSPLIT, $0-24
	MOVD	args+0(FP), R0
	MOVD	s+8(FP), R19
	MOVD	$cloneArgs__size, R1
	MOVD	$435, R8		// clone3
	SVC
	CBZ	R0, child
	MOVD	R0, pid+16(FP)
	RET

child:
	MOVD	slot_calls(R19), R20
	MOVW	$0, R21			// calls that succeeded

next:
	MOVD	call_nr(R20), R8
	MOVD	(call_args+0)(R20), R0
	MOVD	(call_args+8)(R20), R1
	MOVD	(call_args+16)(R20), R2
	MOVD	(call_args+24)(R20), R3
	MOVD	(call_args+32)(R20), R4
	MOVD	(call_args+40)(R20), R5
	SVC
	CMN	$4095, R0
	BCS	failed			// unsigned: -4095 to -1 is an errno
	ADDW	$1, R21
	ADD	$slot_done, R19, R22
	STLRW	R21, (R22)
	ADD	$call__size, R20
	B	next

failed:
	NEG	R0, R0
	ADD	$slot_errno, R19, R22
	STLRW	R0, (R22)
	MOVD	$64, R8			// write: wake the loop
	MOVD	slot_wake(R19), R0
	ADD	$slot_one, R19, R1
	MOVD	$8, R2
	SVC

exit:
	MOVD	$94, R8			// exit_group
	MOVD	$127, R0
	SVC
	B	exit
