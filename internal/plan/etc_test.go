package plan

import (
	"path/filepath"
	"testing"
)

// TestEtc: names are looked up in the files of the directory that the Host names.
func TestEtc(t *testing.T) {
	t.Parallel()
	etc := t.TempDir()
	for name, text := range map[string]string{
		"passwd": "ann:x:4711:4712::/:/bin/sh\n", "group": "staff:x:4713:ann\n",
		"services": "mine 7070/tcp\n", "protocols": "minep 251\n", "rpc": "miner 300007\n", "networks": "minen 192.0.2.0\n",
	} {
		write(t, filepath.Join(etc, name), text)
	}
	dir := t.TempDir()
	classic := write(t, filepath.Join(dir, "classic"), "mine stream tcp4 nowait ann /bin/cat\nminer/1 dgram rpc/udp4 wait ann /bin/cat\n1 raw minep wait ann /bin/cat\n")
	foreign := write(t, filepath.Join(dir, "foreign"), "service x\n{\n\ttype = UNLISTED\n\tport = 7071\n\tsocket_type = stream\n\tprotocol = tcp\n\twait = no\n\tuser = ann\n\tserver = /bin/cat\n\tonly_from = minen\n}\n")
	p := Load(&Config{Files: []string{classic, foreign}, Explicit: true}, &Host{Etc: etc, Clone: true})
	if len(p.Services) != 4 {
		t.Fatal(p.Problems, p.Err)
	}
	if port := p.Services[0].Sockets[0].Spec.Addr.Port(); port != 7070 {
		t.Errorf("port %d", port)
	}
	if n := p.Services[1].Do.RPC.Number; n != 300007 {
		t.Errorf("program %d", n)
	}
	if n := p.Services[2].Sockets[0].Spec.Protocol; n != 251 {
		t.Errorf("protocol %d", n)
	}
	if nets := p.Services[3].Clients.Allow; len(nets) != 1 || nets[0].Net.String() != "192.0.2.0/24" {
		t.Errorf("networks %v", nets)
	}
	if id := p.Identities[p.Services[0].Do.Server()]; id == nil || id.UID != 4711 || len(id.Groups) != 2 {
		t.Errorf("identity %v", id)
	}
}
