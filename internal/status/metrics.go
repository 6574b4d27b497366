package status

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// metric is a family of OpenMetrics.
type metric struct {
	name, kind, help string
	labels           string // of each sample, besides the service
	value            func(v *Service) float64
}

// serviceMetrics are the metrics of each service. Services with the same label count
// together, because a sample has to be unique.
var serviceMetrics = []metric{
	{"inetd_accepted", "counter", "Clients that were accepted.", "", func(v *Service) float64 { return float64(v.Accepted) }},
	{"inetd_started", "counter", "Servers that were started; of a relay without a server, connections that were passed on.", "", func(v *Service) float64 { return float64(v.Started) }},
	{"inetd_refused", "counter", "Clients that were refused, by cause.", `cause="limit"`, func(v *Service) float64 { return float64(v.Refused.Limit) }},
	{"inetd_refused", "", "", `cause="full"`, func(v *Service) float64 { return float64(v.Refused.Full) }},
	{"inetd_refused", "", "", `cause="rules"`, func(v *Service) float64 { return float64(v.Refused.Rules) }},
	{"inetd_refused", "", "", `cause="penalty"`, func(v *Service) float64 { return float64(v.Refused.Penalty) }},
	{"inetd_refused", "", "", `cause="proxy"`, func(v *Service) float64 { return float64(v.Refused.Proxy) }},
	{"inetd_refused", "", "", `cause="room"`, func(v *Service) float64 { return float64(v.Refused.Room) }},
	{"inetd_failed", "counter", "Starts of servers that failed, and connections that could not be passed on.", "", func(v *Service) float64 { return float64(v.Failed) }},
	{"inetd_ended", "counter", "Servers that have ended, by how; of a relay without a server, connections.", `how="well"`, func(v *Service) float64 { return float64(v.EndedWell) }},
	{"inetd_ended", "", "", `how="error"`, func(v *Service) float64 { return float64(v.EndedError) }},
	{"inetd_ended", "", "", `how="signal"`, func(v *Service) float64 { return float64(v.Killed) }},
	{"inetd_suspended", "counter", "Times that the limit on starts was reached.", "", func(v *Service) float64 { return float64(v.Suspended) }},
	{"inetd_running", "gauge", "Servers that run; of a relay without a server, connections.", "", func(v *Service) float64 { return float64(v.Running) }},
	{"inetd_up", "gauge", "Whether clients are served.", "", func(v *Service) float64 { return truth(v.State == Listening || v.State == HandedOut) }},
	{"inetd_last_client_timestamp_seconds", "gauge", "When the last client came; 0: none has.", "", func(v *Service) float64 { return float64(v.LastClient) }},
}

// passingMetrics are the metrics of each service whose clients are passed on.
var passingMetrics = []metric{
	{"inetd_passed_clients", "gauge", "Clients whose connections are passed on, or held until they can be.", "", func(v *Service) float64 { return float64(v.Demand.Clients) }},
	{"inetd_passed_bytes", "counter", "Bytes of connections that were passed on and have ended, by direction.", `direction="in"`, func(v *Service) float64 { return float64(v.Demand.BytesIn) }},
	{"inetd_passed_bytes", "", "", `direction="out"`, func(v *Service) float64 { return float64(v.Demand.BytesOut) }},
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// WriteMetrics writes the snapshot as OpenMetrics text.
func (s *Snapshot) WriteMetrics(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	for _, m := range []struct {
		name, kind, help string
		value            float64
	}{
		{"inetd_start_timestamp_seconds", "gauge", "When the daemon started.", float64(s.Started.Unix())},
		{"inetd_load_timestamp_seconds", "gauge", "When the configuration in force was loaded.", float64(s.Loaded.Unix())},
		{"inetd_loads", "counter", "Loads that were put into force.", float64(s.Loads)},
		{"inetd_changed_files", "gauge", "Files that have changed on disk and are not in force.", float64(len(s.Changed))},
		{"inetd_services", "gauge", "Services of the configuration in force.", float64(len(s.Services))},
		{"inetd_processes", "gauge", "Servers and relays that run.", float64(s.Running)},
		{"inetd_delayed_clients", "gauge", "Clients for whom no process could be made yet.", float64(s.Delayed)},
		{"inetd_open_descriptors", "gauge", "Descriptors of the daemon.", float64(s.Descriptors)},
		{"inetd_max_descriptors", "gauge", "Descriptors that it may have.", float64(s.DescriptorLimit)},
		{"inetd_log_lost", "counter", "Log lines that were lost.", float64(s.LogLost)},
	} {
		family(b, m.name, m.kind, m.help)
		fmt.Fprintf(b, "%s %v\n", sample(m.name, m.kind), m.value)
	}
	writeEach(b, serviceMetrics, s.Services)
	passing := slices.DeleteFunc(slices.Clone(s.Services), func(v Service) bool { return v.Demand == nil })
	if len(passing) > 0 {
		writeEach(b, passingMetrics, passing)
	}
	fmt.Fprintf(b, "# EOF\n")
}

// writeEach writes metrics of several services.
func writeEach(b io.Writer, metrics []metric, of []Service) {
	labels, sums := byLabel(of)
	kind := ""
	for _, m := range metrics {
		if m.kind != "" {
			kind = m.kind
			family(b, m.name, kind, m.help)
		}
		for i, label := range labels {
			also := ""
			if m.labels != "" {
				also = "," + m.labels
			}
			var sum float64
			for _, v := range sums[i] {
				sum += m.value(v)
			}
			fmt.Fprintf(b, "%s{service=\"%s\"%s} %v\n", sample(m.name, kind), escaped(label), also, sum)
		}
	}
}

// byLabel groups services by label, in the order in which the labels first appear.
func byLabel(of []Service) (labels []string, services [][]*Service) {
	at := map[string]int{}
	for i := range of {
		v := &of[i]
		n, ok := at[v.Service]
		if !ok {
			n = len(labels)
			at[v.Service] = n
			labels, services = append(labels, v.Service), append(services, nil)
		}
		services[n] = append(services[n], v)
	}
	return labels, services
}

func family(w io.Writer, name, kind, help string) {
	fmt.Fprintf(w, "# TYPE %s %s\n# HELP %s %s\n", name, kind, name, help)
}

// sample returns the name of the samples of a family: those of counters end in _total.
func sample(name, kind string) string {
	if kind == "counter" {
		return name + "_total"
	}
	return name
}

// escaped escapes a text for the value of an OpenMetrics label.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(s, "?"))
}
