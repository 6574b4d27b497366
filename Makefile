# make            builds bin/inetd; needs Go
# make run        serves inetd.conf.example here and now, on ports above 1023
# make test       runs the tests; nothing is needed but Go and make
# make check      all that a change must pass; needs gcc, mandoc and the network
# make check-attack runs the attacks that take longer than a test may (root)
# make check-upgrade has the daemon go on with another program 100 times under load
# make check-demand  has 1,000 clients come while their server is being stopped and started
# make check-faults  has each system call from a client to its server fail with each error (root, strace)
# make check-recipes runs the servers on demand that inetd.conf(5) shows (root, Debian)
# make soak       tries everything at once for SOAKTIME, 10 minutes (root)
# make fuzz       runs every fuzz target for FUZZTIME
# make bench      measures against other inetds (root, Debian)
# make check-xinetd  compares with Debian's xinetd what is served, to whom and how (root, Debian)
# make check-386    runs the tests as a 32-bit program, which has no clone3
# make check-arm64  runs the tests on an emulated arm64 machine (root, Debian)
# make packages   builds .deb, .rpm, .apk, an image and a list of parts in bin/packages
# make check-packages  tries them: reproducible, an image, under systemd, swapped with every peer (root, Debian)
# make install    DESTDIR and PREFIX are honoured, a configuration is never overwritten

PREFIX = /usr/local
SYSCONFDIR = /etc
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
DOCDIR = $(PREFIX)/share/doc/inetd
UNITDIR = $(PREFIX)/lib/systemd/system

GO = go
BENCHFLAGS = -write
FUZZTIME = 30s
SOAKTIME = 10m
STATICCHECK = $(GO) tool -modfile=internal/tools/go.mod staticcheck
MANUALS = cmd/inetd/inetd.8 cmd/inetd/inetd.conf.5 cmd/inetd/inetd.dialects.7

all:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/inetd ./cmd/inetd

# Only a program that is missing or older than its source is built here: a user without
# a home, where Go has its caches, runs what somebody else has built.
bin/inetd: go.mod go.sum $(shell find cmd internal -name '*.go' ! -name '*_test.go' -o -name '*.s')
	@$(MAKE) --no-print-directory all

run: bin/inetd
	@echo 'Ctrl-C ends it. In another terminal, try:'
	@sed -n '/nc .* 127/s/^#//p' inetd.conf.example
	@bin/inetd -f -e --pidfile= --services=services.example inetd.conf.example

test:
	$(GO) test ./...

check: lint
	$(GO) test -vet=off -race -shuffle=on ./...

lint:
	@unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt -w $$unformatted"; exit 1; }
	$(GO) vet ./...
	for arch in arm64 386 mipsle; do GOARCH=$$arch CGO_ENABLED=0 $(GO) vet ./... || exit; done
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/inetd
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff
	cd internal/tools && $(GO) mod tidy -diff
	cd internal/packaging && $(GO) vet ./...
	@if command -v mandoc >/dev/null; then mandoc -T lint -W warning $(MANUALS); \
	else echo 'mandoc is not installed: the manual pages were not checked'; fi

# Go before 1.27 may fail a target at its end for nothing (go.dev/issue/75804);
# the second run tells, because it begins with the input that failed.
fuzz:
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			run="$(GO) test -run ^$$ -fuzz ^$$target$$ -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$package"; \
			$$run || $$run || exit; \
		done; \
	done

bench: all
	$(GO) run ./internal/bench $(BENCHFLAGS)

check-attack:
	.ci/check-attack

check-xinetd:
	.ci/check-xinetd

check-upgrade:
	INETD_UPGRADES=100 $(GO) test -count=1 -timeout 10m -run 'TestScripts/^upgrade' ./cmd/inetd

check-demand:
	INETD_CYCLES=1000 $(GO) test -count=1 -timeout 10m -v -run TestDemandCycles ./cmd/inetd

check-faults:
	INETD_FAULTS=1 $(GO) test -count=1 -timeout 20m -run TestFaults ./cmd/inetd

check-recipes:
	.ci/check-recipes

soak: all
	$(GO) run ./internal/soak -time $(SOAKTIME)

check-386:
	GOARCH=386 $(GO) test ./...

check-arm64:
	.ci/check-arm64

packages:
	internal/packaging/build bin/packages

sbom: packages

check-packages:
	internal/packaging/check

# The installed configuration serves nothing: every service of the example is
# off, in the way update-inetd(8) writes it and can turn it on.
install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(DOCDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSCONFDIR)
	install bin/inetd $(DESTDIR)$(SBINDIR)/inetd
	install -m 644 cmd/inetd/inetd.8 $(DESTDIR)$(MANDIR)/man8/inetd.8
	install -m 644 cmd/inetd/inetd.conf.5 $(DESTDIR)$(MANDIR)/man5/inetd.conf.5
	install -m 644 cmd/inetd/inetd.dialects.7 $(DESTDIR)$(MANDIR)/man7/inetd.dialects.7
	install -m 644 inetd.conf.example services.example cmd/inetd/hardening.conf $(DESTDIR)$(DOCDIR)
	sed 's|/usr/sbin|$(SBINDIR)|' cmd/inetd/inetd.service >$(DESTDIR)$(UNITDIR)/inetd.service
	chmod 644 $(DESTDIR)$(UNITDIR)/inetd.service
	test -e $(DESTDIR)$(SYSCONFDIR)/inetd.conf || \
		sed '/^[^#]*:$$/!s/^[^#]/#<off># &/' inetd.conf.example >$(DESTDIR)$(SYSCONFDIR)/inetd.conf

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/inetd $(DESTDIR)$(MANDIR)/man8/inetd.8 $(DESTDIR)$(MANDIR)/man5/inetd.conf.5 $(DESTDIR)$(MANDIR)/man7/inetd.dialects.7 $(DESTDIR)$(UNITDIR)/inetd.service
	rm -f $(DESTDIR)$(DOCDIR)/inetd.conf.example $(DESTDIR)$(DOCDIR)/services.example $(DESTDIR)$(DOCDIR)/hardening.conf
	-rmdir $(DESTDIR)$(DOCDIR)

clean:
	rm -rf bin

.PHONY: all run test check lint fuzz bench check-attack check-upgrade check-demand check-recipes check-faults soak check-xinetd check-386 check-arm64 packages sbom check-packages install uninstall clean
