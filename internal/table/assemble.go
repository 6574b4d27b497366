package table

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
	"inetd/internal/hosts"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/slab"
)

// Generation is what the daemon keeps of a plan: the services, ready to be put into
// force, and what must be known of the configuration while they are.
type Generation struct {
	Services []*Service
	Mux      []*Service // the services that tcpmux hands out
	Names    []string   // of configuration files, for Places; those of earlier generations come first
	Files    []string   // configuration files that were read
	Known    []string   // configuration files that are not empty; nil only before the first load
	Watch    []string   // paths whose change on disk matters
	Profiles map[plan.Server]*child.Profile
	keys     map[string]*conf.Keys // the keys of servers, by plan.Server.Keys
	Accounts *account.DB
	Secured  map[string]string // official service names by label; nil: there is no inetd.sec
	Hosts    *hosts.Addresses  // what name servers have said; nil: they were never asked
	Late     *plan.Late        // what is to be tried again; nil: nothing
	Sockets  int
	Banners  map[string]string          // texts for clients, by path
	Guards   map[*Service]*access.Guard // of the services that say who may use them
}

// InForce holds the generation that is in force. A merge replaces it, so a pointer to an
// InForce always leads to the current one.
type InForce struct{ *Generation }

// Assemble makes the services of a plan, with the environment env of servers and the Names
// of the generation in force. It runs beside the event loop, so that a merge only has to
// put the services into force. Services, their sockets and their labels are copied, because
// labels share memory with the text of the files. The actions, lists and maps of the plan
// are kept as they are; Late among them holds that text while an entry waits.
func Assemble(p *plan.Plan, starter *child.Starter, env, names []string) (*Generation, error) {
	g := &Generation{
		Names:    slices.Clip(names),
		Services: make([]*Service, 0, len(p.Services)),
		Files:    p.Files, Known: append([]string{}, p.Known...), Watch: p.Watch, Accounts: p.Accounts, Secured: p.Secured, Sockets: p.Sockets(), keys: p.Keys,
		Late: p.Late, Banners: p.Banners,
	}
	var err error
	if g.Profiles, err = compile.Profiles(p.Identities, p.Keys, starter, env); err != nil {
		return nil, err
	}
	a := assembly{Generation: g, byKey: map[actionKey]*Action{}, made: map[*conf.Keys]*access.Guard{}}
	for _, v := range p.Services {
		if err := a.add(v); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// assembly is a generation in the making.
type assembly struct {
	*Generation
	room    slab.Of[Service]
	sockets slab.Of[Socket]
	labels  slab.Strings
	actions slab.Of[Action]
	byKey   map[actionKey]*Action
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
	v := a.room.Add(Service{Label: a.labels.Add(from.Label), Do: do})
	v.At = a.place(from.At.File, from.At.Line)
	var at = &v.First
	for _, k := range from.Sockets {
		*at = a.sockets.Add(Socket{Spec: k.Spec, Service: v, FD: -1})
		at = &(*at).Next
	}
	a.Services = append(a.Services, v)
	a.guard(v, from)
	if do.Mux {
		a.Mux = append(a.Mux, v)
	}
	return nil
}

// actionKey is the same for services that share an Action.
type actionKey struct {
	do   *plan.Action
	asks *plan.Ask // the first of the list; nil: there are none
}

// action returns the Action of a service, which it makes once for all that share it.
func (a *assembly) action(v *plan.Service) (*Action, error) {
	from, which := v.Do, actionKey{do: v.Do}
	if len(v.Asks) > 0 {
		which.asks = &v.Asks[0]
	}
	if do, ok := a.byKey[which]; ok {
		return do, nil
	}
	do := &Action{Action: from, Keys: a.keys[from.Keys], Asks: v.Asks}
	if do.Keys != nil {
		do.Proxies = proxiesOf(from, do.Keys.Proxy)
		do.Penalty = penaltyOf(from, do.Keys)
		do.Bits = limit.Bits{V4: uint8(do.Keys.SourceV4), V6: uint8(do.Keys.SourceV6)}
	}
	if !from.Internal() {
		argv := strings.Split(from.Argv, "\x00")
		g, err := compile.Program(a.Profiles[from.Server()], from, do.Keys, argv)
		if err != nil {
			return nil, err
		}
		g.Listen = from.Listen
		do.Program = g
		if from.Path != "" {
			do.Daemon = filepath.Base(argv[0])
		}
	}
	if do.Keys != nil && do.Keys.WrapName != "" {
		do.Daemon = do.Keys.WrapName
	}
	do = a.actions.Add(*do)
	a.byKey[which] = do
	return do, nil
}

// guard makes the guard of a service, once for all services that share the keys. It may
// take a while, which is why it runs beside the event loop.
func (a *assembly) guard(v *Service, from *plan.Service) {
	if from.Clients == nil {
		return
	}
	g, made := a.made[from.Clients]
	if !made {
		g = plan.GuardOf(from.Clients)
		a.made[from.Clients] = g
	}
	if a.Guards == nil {
		a.Guards = map[*Service]*access.Guard{}
	}
	a.Guards[v] = g
	v.Do.Guarded = true
	v.Do.AsksNames = g.AsksNames()
}

// place returns the line of an entry. Entries of one file follow each other.
func (a *assembly) place(file string, line int) Place {
	if len(a.Names) == 0 || a.last.name != file {
		at := a.PlaceIn(file, line)
		a.last.name, a.last.index = a.Names[at.File], at.File
	}
	return Place{a.last.index, uint32(line)}
}

// PlaceIn returns a line of a file as a Place. It adds the file to Names if need be.
func (g *Generation) PlaceIn(file string, line int) Place {
	i := slices.Index(g.Names, file)
	if i < 0 {
		i = len(g.Names)
		g.Names = append(g.Names, strings.Clone(file))
	}
	return Place{uint32(i), uint32(line)}
}

// Place returns the file and line of a service's entry: "/etc/inetd.conf:7". The service
// may be one of an earlier generation, because Names keeps their files.
func (g *Generation) Place(v *Service) string {
	return g.Names[v.At.File] + ":" + strconv.Itoa(int(v.At.Line))
}

// Identities looks up the users of servers again, beside the event loop. It returns a
// Generation of nothing but Profiles, without those of users who are gone, and Accounts,
// which is nil if the files of users and groups cannot be read; the errors say why.
func (g *Generation) Identities(host *plan.Host, starter *child.Starter, env []string) (*Generation, []error) {
	servers := make(map[plan.Server]*conf.Keys, len(g.Profiles))
	for s := range g.Profiles {
		servers[s] = g.keys[s.Keys]
	}
	found, accounts, errs := plan.Identities(host, servers)
	made, err := compile.Profiles(found, g.keys, starter, env)
	if err != nil {
		errs = append(errs, err)
	}
	return &Generation{Profiles: made, Accounts: accounts}, errs
}
