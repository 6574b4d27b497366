package inetd

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/access"
	"inetd/internal/account"
	"inetd/internal/child"
	"inetd/internal/compile"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/slab"
)

// generation is what the daemon keeps of a plan: services made ready to be put
// into force, and what is asked of the configuration while it is.
type generation struct {
	services []*service
	mux      []*service // the services that tcpmux hands out
	names    []string   // of configuration files, for places; those of the generations before come first
	files    []string   // configuration files that were read
	known    []string   // configuration files that hold anything; not nil once there was a load
	watch    []string   // paths whose change on disk matters
	profiles map[plan.Server]*child.Profile
	keys     map[string]*conf.Keys // of servers that have any
	accounts *account.DB
	secured  map[string]string // official service names by label; nil: there is no inetd.sec
	hosts    *plan.Names       // that the configuration names; nil: none
	late     *plan.Late        // what is to be tried again; nil: nothing
	sockets  int
	banners  map[string]string          // texts for clients, by path
	guards   map[*service]*access.Guard // of the services that say who may use them
}

// host is what a load of this daemon needs to know.
func (s *Server) host() *plan.Host {
	h := machine.Host()
	h.Clone, h.Getent = s.starter.Clone(), s.getent()
	h.Inherited, h.Known, h.Sockets = s.inheritedSpecs, s.now.known, s.now.sockets
	h.Names = s.now.hosts.Renew()
	return h
}

// assemble makes the services of a plan. It runs beside the event loop, so that
// a merge only has to put them into force. What is kept is copied: nothing of
// the plan stays but its actions.
func assemble(p *plan.Plan, starter *child.Starter, env, names []string) (*generation, error) {
	g := &generation{
		names:    slices.Clip(names),
		services: make([]*service, 0, len(p.Services)),
		files:    p.Files, known: append([]string{}, p.Known...), watch: p.Watch, accounts: p.Accounts, secured: p.Secured, sockets: p.Sockets(), keys: p.Keys,
		hosts: p.Names, late: p.Late, banners: p.Banners,
	}
	var err error
	if g.profiles, err = compile.Profiles(p.Identities, p.Keys, starter, env); err != nil {
		return nil, err
	}
	a := assembly{generation: g, actions: map[deed]*action{}, made: map[*conf.Keys]*access.Guard{}}
	for _, v := range p.Services {
		if err := a.add(v); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// assembly is a generation in the making.
type assembly struct {
	*generation
	room    slab.Of[service]
	sockets slab.Of[socket]
	labels  slab.Strings
	actions map[deed]*action
	made    map[*conf.Keys]*access.Guard
	last    struct { // the file of the entry before
		name  string
		index uint32
	}
}

func (a *assembly) add(from *plan.Service) error {
	do, err := a.action(from)
	if err != nil {
		return err
	}
	v := a.room.Add(service{label: a.labels.Add(from.Label), do: do})
	v.at = a.place(from.At.File, from.At.Line)
	var at = &v.first
	for _, k := range from.Sockets {
		*at = a.sockets.Add(socket{spec: k.Spec, svc: v, fd: -1})
		at = &(*at).next
	}
	a.services = append(a.services, v)
	a.guard(v, from)
	if do.Mux {
		a.mux = append(a.mux, v)
	}
	return nil
}

// deed is what services have in common that share an action: also the places of keys.
type deed struct {
	do   *plan.Action
	asks *plan.Ask // the first of a list; nil: none
}

// action makes an action of the table, once for all services that share it.
func (a *assembly) action(v *plan.Service) (*action, error) {
	from, which := v.Do, deed{do: v.Do}
	if len(v.Asks) > 0 {
		which.asks = &v.Asks[0]
	}
	if do, ok := a.actions[which]; ok {
		return do, nil
	}
	do := &action{Action: from, keys: a.keys[from.Keys], asks: v.Asks}
	if do.keys != nil {
		do.proxies = proxiesOf(from, do.keys.Proxy)
		do.penalty = penaltyOf(from, do.keys)
		do.bits = limit.Bits{V4: uint8(do.keys.SourceV4), V6: uint8(do.keys.SourceV6)}
	}
	if from.Builtin == "" {
		argv := strings.Split(from.Argv, "\x00")
		g, err := compile.Program(a.profiles[from.Server()], from, do.keys, argv)
		if err != nil {
			return nil, err
		}
		g.Listen = from.Listen
		do.program = g
		if from.Path != "" {
			do.daemon = strings.Clone(filepath.Base(argv[0]))
		}
	}
	if do.keys != nil && do.keys.WrapName != "" {
		do.daemon = do.keys.WrapName
	}
	a.actions[which] = do
	return do, nil
}

// place keeps the line of an entry. Entries of one file follow each other.
func (a *assembly) place(file string, line int) place {
	if len(a.names) == 0 || a.last.name != file {
		at := a.placeIn(file, line)
		a.last.name, a.last.index = a.names[at.file], at.file
	}
	return place{a.last.index, uint32(line)}
}

// place is where the entry of a service stands: "/etc/inetd.conf:7". It may be a
// service of an earlier generation, as the names of files are kept.
func (g *generation) place(v *service) string {
	return g.names[v.at.file] + ":" + strconv.Itoa(int(v.at.line))
}

// identities looks the users of a generation up again. It runs beside the event
// loop. A user who is gone keeps the old profile.
func (g *generation) identities(host *plan.Host, starter *child.Starter, env []string) (*generation, []error) {
	servers := make(map[plan.Server]*conf.Keys, len(g.profiles))
	for s := range g.profiles {
		servers[s] = g.keys[s.Keys]
	}
	found, accounts, errs := plan.Identities(host, servers)
	made, err := compile.Profiles(found, g.keys, starter, env)
	if err != nil {
		errs = append(errs, err)
	}
	return &generation{profiles: made, accounts: accounts}, errs
}
