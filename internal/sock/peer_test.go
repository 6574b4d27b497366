package sock

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestCID(t *testing.T) {
	t.Parallel()
	var a Address
	if a.CID() != unix.VMADDR_CID_ANY {
		t.Errorf("no address has the context id %d", a.CID())
	}
	*(*unix.RawSockaddrVM)(unsafe.Pointer(&a.raw)) = unix.RawSockaddrVM{Family: unix.AF_VSOCK, Port: 9, Cid: 7}
	a.len = unix.SizeofSockaddrVM
	if a.CID() != 7 {
		t.Errorf("context id %d, want 7", a.CID())
	}
}
