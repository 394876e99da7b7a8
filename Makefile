# vsmtp: `make help` lists the targets. All that is made lies in $(B), dist/ or run/.

B       = build
PREFIX  = /usr/local
DESTDIR =
RUN     = run
comma  := ,
JOBS   := $(shell nproc 2>/dev/null || echo 2)

# Warnings are errors in tests alone: a compiler that is newer than we are must stop nobody.
# Two warnings are off: gcc guesses them from what its optimiser happens to see, and guesses wrong.
WARN   = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wconversion -Wno-sign-conversion \
         -Wno-unknown-warning-option -Wno-format-truncation -Wno-maybe-uninitialized
WERROR = -Werror
OPT    = -O2 -g -fno-asynchronous-unwind-tables
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS =
LDFLAGS =
STD    = -std=c11 -I$(B)/gen -ffunction-sections -fdata-sections
FLAGS  = $(STD) $(WARN)
say    = $(if $(V),,@echo '  making $@' && )
say_long = $(if $(V),,@echo '  building $@: one file, about half a minute' && )

# Libraries: by pkg-config where it knows them, by their usual names where it does not. Asked for
# when a recipe runs, because `make run` may have just installed them.
pkg = $(shell pkg-config $(1) $(2) 2>/dev/null || echo $(3))
LIB_CFLAGS = $(call pkg,--cflags,sqlite3 libcares libpcre2-8,)
LIBS = -Wl,--gc-sections,--as-needed -lmbedtls -lmbedx509 -lmbedcrypto -lspf2 \
       $(call pkg,--libs,libcares,-lcares) $(call pkg,--libs,sqlite3,-lsqlite3) \
       $(call pkg,--libs,libpcre2-8,-lpcre2-8) -lm

SOURCES   := $(shell sed -n 's/^\#include "\(.*\.c\)".*/\1/p' vsmtp.c)
HEADERS   := vsmtp.h $(sort $(wildcard $(addsuffix *.h,$(sort $(dir $(SOURCES))))))
TEXTS     := $(sort $(wildcard sqlite/*.sql rules/*.vsl))
RESOURCES := $(TEXTS:%=$(B)/gen/%.inc)

all: $(B)/vsmtp ## build/vsmtp, the ordinary program (B=DIR: another folder; CC=clang works)

$(B)/vsmtp: vsmtp.c $(RESOURCES)
	@mkdir -p $(@D)
	$(say_long)$(CC) $(FLAGS) $(OPT) $(HARDEN) $(LIB_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ vsmtp.c \
	  -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(LIBS)

$(B)/gen/%.inc: % amalgamate.sh
	@mkdir -p $(@D)
	@./amalgamate.sh --text $< >$@.tmp && mv $@.tmp $@

dist: dist/vsmtp.c ## dist/vsmtp.c, the whole program in one file

dist/vsmtp.c: vsmtp.c amalgamate.sh $(SOURCES) $(HEADERS) $(TEXTS)
	@mkdir -p dist
	$(say)./amalgamate.sh -o $@

run: ## serves on 127.0.0.1:10025 with everything in run/ (RUN=DIR), and says what to try
	@tests/deps.sh run
	@$(MAKE) --no-print-directory -s $(B)/vsmtp
	@B=$(B) exec rules/examples/home/try.sh $(RUN)

bench: ## vsmtp beside Postfix (needs root): prints a table and writes bench.md
	@tests/deps.sh bench
	@$(MAKE) --no-print-directory -s $(B)/vsmtp
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 tests/bench/bench.py $(B)/vsmtp

# ---- for other machines -------------------------------------------------------------------------
static: dist/vsmtp.c ## build/vsmtp-static, which needs no library where it runs
	@tests/deps.sh run
	@mkdir -p $(B)
	$(say_long)$(CC) -std=c11 -Os -s -static-pie $(HARDEN) $(CFLAGS) -ffunction-sections -fdata-sections \
	  -o $(B)/vsmtp-static dist/vsmtp.c -Wl,--gc-sections,-z,relro,-z,now,-T,tests/static.ld $(LDFLAGS) \
	  -lmbedtls -lmbedx509 -lmbedcrypto -lcares -lspf2 -lsqlite3 -lpcre2-8 -lm

cross: dist/vsmtp.c ## build/cross/ARCH/vsmtp, fully static (ARCH=arm64, armhf, armel or mipsel)
	@B=$(B) WARN='$(WARN)' CFLAGS='$(CFLAGS)' tests/cross.sh $(ARCH)

check-cross: cross ## that program tried out in an emulator: rules, store, a conversation
	@B=$(B) PYTHONDONTWRITEBYTECODE=1 tests/clients/smoke.py $(ARCH)

# ---- tests: everything again, with sanitizers, each file alone and as one ------------------------
TB         = $(B)/test
TESTFLAGS  = $(FLAGS) $(WERROR) -DVSMTP_TEST -O1 -g -fsanitize=address,undefined \
             -fno-sanitize-recover=all -fno-omit-frame-pointer
GUARD      = $(TB)/obj/tests/guard.o
TESTLINK   = -fsanitize=address,undefined $(addprefix -Wl$(comma)--wrap=,$(GUARDED)) $(LDFLAGS) $(LIBS)
GUARDED    = open stat lstat access mkdir opendir fopen
TEST_C    := $(sort $(wildcard tests/*.c tests/*/*.c))
FUZZERS   := $(filter-out driver,$(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c)))
PROGRAMS  := $(if $(wildcard tests/unit/*.c),unit) $(if $(wildcard tests/play*.c),play) \
             $(FUZZERS:%=fuzz-%) $(if $(wildcard tests/crash*.c),crash) vsl-alone
object     = $(patsubst %.c,$(TB)/obj/%.o,$(wildcard $(1)))

test: ## every test; T=part picks by name, V=1 shows more
	@tests/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) testbuild
	@B=$(B) V=$(V) tests/run.sh $(T)

check: ## layers, symbols, banned calls, reproducible amalgamation, format
	@tests/deps.sh test
	@$(MAKE) --no-print-directory -s -j$(JOBS) testbuild
	@B=$(B) V=$(V) tests/check.sh

test-everywhere: ## both commands of README on bare machines (needs root; SUITES="bookworm trixie sid")
	@tests/everywhere.sh $(SUITES)

testbuild: $(B)/vsmtp $(TB)/vsmtp $(TB)/vsmtp-dist $(TB)/unit-dist $(TB)/libvsmtp.a $(PROGRAMS:%=$(TB)/%) $(TB)/clang

$(TB)/obj/%.o: %.c | $(RESOURCES)
	@mkdir -p $(@D)
	$(say)$(CC) $(TESTFLAGS) $(LIB_CFLAGS) $(CFLAGS) $(MACHINE) -MMD -MP -c -o $@ $<

$(GUARD): private MACHINE = -DTESTS_MACHINE='"$(CURDIR)/tests/machine"'

$(TB)/libvsmtp.a: $(SOURCES:%.c=$(TB)/obj/%.o)
	@rm -f $@
	$(say)ar rc $@ $^

$(TB)/vsmtp: vsmtp.c $(GUARD) $(RESOURCES)
	@mkdir -p $(@D)
	$(say)$(CC) $(TESTFLAGS) $(LIB_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ vsmtp.c $(GUARD) $(TESTLINK)

$(TB)/vsmtp-dist: dist/vsmtp.c $(GUARD)
	@mkdir -p $(@D)
	$(say)$(CC) $(TESTFLAGS) $(LIB_CFLAGS) $(CFLAGS) -o $@ $^ $(TESTLINK)

# clang reads what gcc built, each file alone and the two whole programs, for its own warnings.
$(TB)/clang: $(SOURCES) $(HEADERS) vsmtp.c dist/vsmtp.c $(TEST_C) $(RESOURCES)
	@mkdir -p $(@D)
	$(say)clang -fsyntax-only $(FLAGS) $(WERROR) -DVSMTP_TEST -DTESTS_MACHINE='""' $(LIB_CFLAGS) $(CFLAGS) $(filter %.c,$^)
	@touch $@

$(TB)/unit: $(call object,tests/check.c tests/store_kit.c tests/unit/*.c) $(TB)/libvsmtp.a
# The same tests over dist/vsmtp.c: its functions are there by their names, main() aside.
$(TB)/dist.o: dist/vsmtp.c
	$(say)$(CC) $(TESTFLAGS) $(LIB_CFLAGS) $(CFLAGS) -Dmain=dist_main -Wno-missing-prototypes -c -o $@ $<
$(TB)/unit-dist: $(call object,tests/check.c tests/store_kit.c tests/unit/*.c) $(TB)/dist.o
	$(say)$(CC) $(TESTFLAGS) -o $@ $^ $(TESTLINK)
$(TB)/play: $(call object,tests/play*.c) $(TB)/libvsmtp.a
$(TB)/crash: $(call object,tests/check.c tests/store_kit.c tests/crash*.c) $(TB)/libvsmtp.a
# The language must do with what is below it.
$(TB)/vsl-alone: $(call object,tests/vsl_alone.c base/*.c rules/vsl/*.c)
$(FUZZERS:%=$(TB)/fuzz-%): $(TB)/fuzz-%: $(TB)/obj/tests/fuzz/%.o $(TB)/obj/tests/fuzz/driver.o $(TB)/libvsmtp.a
$(PROGRAMS:%=$(TB)/%) $(TB)/unit-dist: $(GUARD)
$(PROGRAMS:%=$(TB)/%):
	$(say)$(CC) $(TESTFLAGS) -o $@ $^ $(TESTLINK)

# ---- the rest -----------------------------------------------------------------------------------
install: $(B)/vsmtp ## to PREFIX=/usr/local, under DESTDIR if given
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/vsmtp $(DESTDIR)$(PREFIX)/bin/vsmtp
	ln -sf vsmtp $(DESTDIR)$(PREFIX)/bin/vqueue
	ln -sf vsmtp $(DESTDIR)$(PREFIX)/bin/mailq
	install -d $(DESTDIR)$(PREFIX)/sbin
	ln -sf ../bin/vsmtp $(DESTDIR)$(PREFIX)/sbin/sendmail
	@echo "To start it with the machine (systemd, OpenRC, OpenWrt): contrib/README"

uninstall: ## what install put there
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/vsmtp bin/vqueue bin/mailq sbin/sendmail)

format: ## clang-format on every C file
	@tests/format.sh -i $(HEADERS) vsmtp.c $(SOURCES) $(TEST_C) $(wildcard tests/*.h)

clean: ## removes what was made, but not run/
	rm -rf $(B) dist

help: ## this text
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
	  sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)

SUITES =
.PHONY: all run bench dist static cross check-cross test check test-everywhere testbuild install uninstall format clean help
-include $(wildcard $(B)/*.d $(TB)/*.d) $(shell find $(TB)/obj -name '*.d' 2>/dev/null)
