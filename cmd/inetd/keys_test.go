package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// keyRow matches a row of the manual's table of keys. TestManualKeywords of package conf
// tests that each key of the parser has a row.
var keyRow = regexp.MustCompile(`(?m)^\.It Cm (\w+) Ta [^\n]+ Ta [^\n]+ Ta [^\n]+$`)

// columnKeys stand for columns, which all tests of entries have; ipsec has no effect.
var columnKeys = []string{"protocol", "socktype", "wait", "user", "group", "exec", "args", "bind", "port", "ipsec"}

// effects are the tests that show the effect of each key: on a server, a socket, or its
// clients.
var effects = map[string][]string{
	"internal/inetd/process_keys_test.go": {
		"max_time", "end_time", "rlimit_as", "rlimit_core", "rlimit_cpu", "rlimit_data", "rlimit_fsize", "rlimit_memlock",
		"rlimit_nofile", "rlimit_nproc", "rlimit_rss", "rlimit_stack", "nice", "ioprio", "cpus", "umask", "oom_score",
		"directory", "chroot", "groups", "env", "pass_env", "remote_host", "no_new_privs", "capabilities",
	},
	"internal/inetd/socket_keys_test.go":    {"sndbuf", "recvbuf", "acceptfilter", "backlog", "source_max"},
	"internal/inetd/client_allow_test.go":   {"allow", "deny", "wrap"},
	"internal/inetd/client_shut_test.go":    {"hours", "max_load", "wrap_name", "check_first"},
	"internal/inetd/client_sensor_test.go":  {"sensor"},
	"internal/inetd/client_banner_test.go":  {"banner", "banner_success", "banner_fail"},
	"internal/inetd/client_refuse_test.go":  {"refuse", "full", "accept_max", "service_max", "ip_max"},
	"internal/inetd/client_rates_test.go":   {"source_prefix"},
	"internal/inetd/client_penalty_test.go": {"penalty", "penalty_min", "penalty_max", "penalty_exempt"},
	"internal/inetd/client_proxied_test.go": {"proxy"},
	"internal/inetd/client_linger_test.go":  {"linger"},
	"internal/inetd/process_idle_test.go":   {"idle_time"},
	"testdata/script/conf_sockopt.txtar":    {"sockopt"},
	"testdata/script/serve_pty.txtar":       {"pty"},
	"testdata/script/serve_stderr.txtar":    {"stderr"},
	"testdata/script/demand_server.txtar":   {"connect", "start_time", "wake"},
	"testdata/script/demand_ready.txtar":    {"ready"},
	"testdata/script/demand_relay.txtar":    {"proxy_send"},
}

// TestKeysAreTested: each key of the manual's table has a test of its effect, is among the
// values that the parser is tested and fuzzed with, and is printed by --check --json.
func TestKeysAreTested(t *testing.T) {
	t.Parallel()
	tested := map[string]string{}
	for path, keys := range effects {
		for _, key := range keys {
			tested[key] = path
		}
	}
	rows := keyRow.FindAllStringSubmatch(read(t, page5), -1)
	if len(rows) < 60 {
		t.Fatalf("%d keys", len(rows))
	}
	values, report := read(t, "../../internal/conf/keys_test.go"), read(t, "../../testdata/check/keys.json")
	for _, row := range rows {
		key := row[1]
		if slices.Contains(columnKeys, key) {
			continue
		}
		if path := tested[key]; path == "" {
			t.Errorf("no test of the effect of %q is named here", key)
		} else if err := exists(filepath.Join("../..", path), key+" = "); err != nil {
			t.Error(err)
		}
		if !regexp.MustCompile("\\{[\"`]" + key + " = ").MatchString(values) {
			t.Errorf("no value of %q is parsed and fuzzed in package conf", key)
		}
		if !strings.Contains(report, `"key": "`+key+`"`) {
			t.Errorf("--check --json has no %q of testdata/check/keys.conf", key)
		}
	}
}
