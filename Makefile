# GNU make. `make` leaves build/wjobs; CONTRIBUTING.md tells of the rest.
#
#	make			build/wjobs; V=1 shows the commands
#	make check		the tests; TESTS=test/cron.bats FILTER=regex JOBS=n
#	make check SAN=1	the same under ASan and UBSan; SAN=thread: TSan
#	make check VALGRIND=1	the same under valgrind, with descriptors
#	make lint		form, static analysis, scripts, man pages
#	make nemesis		six schedulers and a failing Redis, NEMESIS_SECONDS=600
#	make queue-nemesis	workers killed all the time, on STORE=redis or sqlite
#	make mutants		the same finds the faults planted; MUTANTS=name
#	make bench		one table of figures beside their limits; BENCH=name
#	make fuzz		each fuzz target for FUZZ_SECONDS; FUZZ=name
#	make install		to DESTDIR and PREFIX
#	STATIC=1		with the libraries' archives; STATIC=full: libc too
#	PORTABLE=1		with what POSIX 2008 has, and no more
#
# Each variant has a directory of its own beside the plain one.

VERSION := 0.1.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
PKG_CONFIG ?= pkg-config
INSTALL ?= install
CFLAGS ?= -O2 -g
WERROR ?= -Werror
FUZZ_SECONDS ?= 60

B := build
ifeq ($(SAN),1)
B := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
else ifeq ($(SAN),thread)
B := build/tsan
SANFLAGS := -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(SAN),fuzz)
B := build/fuzz
CC := clang
SANFLAGS := -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifneq ($(SAN),)
$(error SAN is 1 or thread, not '$(SAN)')
endif
ifneq ($(PORTABLE),)
B := $(if $(filter build,$B),build/portable,$B-portable)
DEFS += -DWJOBS_PORTABLE
endif
ifneq ($(STATIC),)
B := $(if $(filter build,$B),build/static,$B-static)
endif

# Hardening that costs nothing measurable; sanitizers have their own. Fortify
# needs an optimising compiler.
ifeq ($(SANFLAGS),)
HARDEN := -fstack-protector-strong \
	$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN_LD := -Wl,-z,relro,-z,noexecstack
endif

PKGS := yaml-0.1 sqlite3 jansson hiredis
# rediss:// needs a hiredis with TLS; Debian 12's has none.
ifeq ($(shell $(PKG_CONFIG) --exists hiredis_ssl openssl 2>/dev/null && echo yes),yes)
PKGS += hiredis_ssl openssl
DEFS += -DWJOBS_REDIS_SSL
endif
HAVE_PKG := $(shell $(PKG_CONFIG) --exists $(PKGS) 2>/dev/null && echo yes)
# Others' headers are not ours to warn of.
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(if \
	$(HAVE_PKG),$(shell $(PKG_CONFIG) --cflags $(PKGS))))
PKG_LIBS := $(if $(HAVE_PKG),$(shell $(PKG_CONFIG) --libs \
	$(if $(STATIC),--static) $(PKGS)),-lyaml -lsqlite3 -ljansson -lhiredis)
# Debian's libev has no .pc file.
EV_CFLAGS := $(shell $(PKG_CONFIG) --cflags libev 2>/dev/null)
EV_LIBS := $(or $(shell $(PKG_CONFIG) --libs libev 2>/dev/null),-lev)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wundef -Wformat=2 \
	-Wno-format-nonliteral -Wvla $(WERROR)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64 \
	-I. $(WARN) $(PKG_CFLAGS) $(EV_CFLAGS) $(HARDEN) $(CPPFLAGS) $(CFLAGS) \
	$(SANFLAGS) $(DEFS) -fno-strict-aliasing -pthread
ALL_LDFLAGS = $(CFLAGS) $(SANFLAGS) $(HARDEN_LD) $(LDFLAGS)

LIBS := $(PKG_LIBS) $(EV_LIBS)
ifeq ($(STATIC),full)
ALL_LDFLAGS += -static
else ifneq ($(STATIC),)
# What the C library itself brings stays shared, so that users and groups are
# still found where nsswitch.conf says.
SHARED := -lm -ldl -lpthread -lc -pthread
LIBS := -Wl,-Bstatic $(filter-out $(SHARED),$(LIBS)) -Wl,-Bdynamic
endif
LIBS += -lm -pthread

LIB_SRC := $(wildcard lib/*/*.c)
CMD_SRC := $(wildcard cmd/*.c)
TOOL_SRC := $(wildcard test/tool/*.c)
BENCH_SRC := $(wildcard test/bench/*.c)
BENCH_LIB := $(patsubst %,test/bench/lib/%.c,daemon redis turns queue)
WORLD_SRC := $(wildcard test/world/*.c)
FUZZ_SRC := $(wildcard test/fuzz/fuzz_*.c)
NEMESIS_SRC := $(wildcard test/nemesis/*.c test/queue_nemesis/*.c)
HEADERS := $(wildcard lib/*/*.h cmd/*.h test/*/*.h)
ALL_SRC := $(LIB_SRC) $(CMD_SRC) $(TOOL_SRC) $(BENCH_SRC) $(WORLD_SRC) \
	$(wildcard test/bench/lib/*.c) $(NEMESIS_SRC) \
	$(wildcard test/fuzz/*.c)

LUA := $(filter-out %/common.lua %/records.lua %/work.lua, \
	$(wildcard lib/store/lua/*.lua))
TEXT_OBJ := $(patsubst %,$B/%.o,$(wildcard lib/*/*.sql) $(LUA))
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o) $(TEXT_OBJ)
CMD_OBJ := $(CMD_SRC:%.c=$B/%.o)
TOOLS := $(TOOL_SRC:test/tool/%.c=$B/test/%)
BENCHES := $(BENCH_SRC:test/bench/%.c=$B/bench/%)
FUZZERS := $(FUZZ_SRC:test/fuzz/%.c=$B/fuzz/%)
# The fuzzers' seeds are tests too, without a fuzzer.
REPLAYS := $(FUZZ_SRC:test/fuzz/fuzz_%.c=$B/test/replay_%)
NEMESIS := $(addprefix $B/nemesis/,wjobs proxy job hasty work)

# One short line a file; V=1 shows the commands, -s nothing.
SILENT := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V),,@$(if $(SILENT),,echo '  $1  $@';))

.PHONY: all tools nemesis-tools check nemesis queue-nemesis mutants lint bench fuzz fuzz-run install uninstall clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(if $(wildcard cmd/main.c),$B/wjobs)
nemesis-tools: $(NEMESIS)
# The benches too, or nobody would see that one no longer compiles.
tools: $(TOOLS) $(REPLAYS) $(BENCHES) $(NEMESIS) $B/bench/floor

# Say what is missing before the compiler does it in many lines.
$B/libraries: $B/flags
	@for h in ev.h yaml.h sqlite3.h jansson.h hiredis/hiredis.h; do \
		echo "#include <$$h>" | $(CC) $(PKG_CFLAGS) $(EV_CFLAGS) \
		    -E -o /dev/null - 2>/dev/null || missing="$$missing $$h"; \
	done; \
	if [ -n "$$missing" ]; then \
		echo "make: libraries are missing ($${missing# }):" \
		    "run 'sh etc/deps.sh' first" >&2; \
		exit 1; \
	fi
	@touch $@

# Objects are made anew when flags change, archives when a file has gone.
FLAGS = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS) $(VERSION)
$B/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(FLAGS))' >$@
$B/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJ) $(CMD_OBJ)' | cmp -s - $@ || \
		echo '$(LIB_OBJ) $(CMD_OBJ)' >$@

$B/wjobs: $(CMD_OBJ) $B/libwjobs.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/libwjobs.a: $(LIB_OBJ) $B/sources
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $(LIB_OBJ)

$B/test/%: $B/test/tool/%.o $B/libwjobs.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# wjobs itself, with sessions that live for seconds.
$B/test/hasty: $(CMD_OBJ)

# The scheduler's simulated world.
$B/test/sim $B/test/shared $B/test/worker: $(WORLD_SRC:%.c=$B/%.o)

$B/test/replay_%: $B/test/fuzz/fuzz_%.o $B/test/fuzz/replay.o $B/libwjobs.a
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/bench/%: $B/test/bench/%.o $(BENCH_LIB:%.c=$B/%.o) $B/libwjobs.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# wjobs with a wall clock that can be put wrong, for the nemesis alone.
$B/nemesis/wjobs: $(CMD_OBJ) $B/test/nemesis/skew.o $B/libwjobs.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The same with sessions that live for seconds: workers are killed all the time.
$B/nemesis/hasty: $(CMD_OBJ) $B/test/nemesis/skew.o $B/test/tool/hasty.o \
	$B/libwjobs.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/nemesis/proxy: $(patsubst %,$B/test/nemesis/%.o,proxy net resp) \
	$B/libwjobs.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Small and static: there are many of them. Never with sanitizers.
$B/nemesis/job: test/nemesis/job.c $B/flags
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -static -o $@ $< 2>/dev/null || \
		$(CC) -std=c11 -D_GNU_SOURCE $(WARN) -O2 -o $@ $<

$B/nemesis/work: test/queue_nemesis/work.c lib/base/sha1.c $B/flags
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARN) -O2 -static -o $@ \
		$(filter %.c,$^) 2>/dev/null || \
		$(CC) -std=c11 -D_GNU_SOURCE -I. $(WARN) -O2 -o $@ $(filter %.c,$^)

# Static where that can be had: its start is what is measured.
$B/bench/stamp: test/bench/lib/stamp.c $B/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -static -o $@ $< 2>/dev/null || \
		$(CC) $(ALL_CFLAGS) -o $@ $<

# What a process costs that only writes to a store.
$B/bench/floor: $B/test/bench/lib/floor.o
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ALL_LDFLAGS) -o $@ $^ \
		$(or $(shell $(PKG_CONFIG) --libs sqlite3 hiredis 2>/dev/null),\
		-lsqlite3 -lhiredis)

$B/fuzz/%: $B/test/fuzz/%.o $B/libwjobs.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/%.o: %.c $B/flags $B/libraries
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$B/cmd/main.o: DEFS += -DWJOBS_VERSION='"$(VERSION)"'

# lib/store/schema.sql becomes `const char schema_sql[]`, and lua/begin.lua
# `const char begin_lua[]` with lua/common.lua before it, and records.lua and
# work.lua where a script needs them.
text = { echo 'extern const char $(subst .,_,$(notdir $<))[];'; \
	echo 'const char $(subst .,_,$(notdir $<))[] ='; \
	cat $(1) | sed 's/[\\"]/\\&/g; s/.*/"&\\n"/'; echo ';'; } >$@
$B/%.sql.c: %.sql
	@mkdir -p $(@D)
	@$(call text,$<)
LUA_HEAD := lib/store/lua/common.lua
LUA_RECORDS := lib/store/lua/records.lua
LUA_WORK := $(LUA_RECORDS) lib/store/lua/work.lua
$(patsubst %,$B/lib/store/lua/%.lua.c,end late once reap skip update watermark): \
	LUA_HEAD += $(LUA_RECORDS)
$(patsubst %,$B/lib/store/lua/%.lua.c,begin $(addprefix work_,put take end \
	release cancel revive purge)): LUA_HEAD += $(LUA_WORK)
$B/%.lua.c: %.lua $(LUA_HEAD) $(LUA_WORK)
	@mkdir -p $(@D)
	@$(call text,$(LUA_HEAD) $<)
$B/%.sql.o: $B/%.sql.c $B/flags
	$(call say,CC)$(CC) $(ALL_CFLAGS) -c -o $@ $<
$B/%.lua.o: $B/%.lua.c $B/flags
	$(call say,CC)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# ---- tests

ifneq ($(VALGRIND),)
# Programs of the same names that run the plain ones under valgrind.
WRAPPED := $(patsubst $B/%,$B/valgrind/%,$B/wjobs $(TOOLS) $(REPLAYS))
$B/valgrind/%: test/valgrind.sh
	@mkdir -p $(@D)
	@ln -sf $(CURDIR)/$< $@
check: $(WRAPPED)
check: export WJOBS = $(CURDIR)/$B/valgrind/wjobs
check: export PATIENCE = 60
else
check: export WJOBS = $(CURDIR)/$B/wjobs
check: export PATIENCE = $(if $(SANFLAGS),20,10)
endif
JOBS ?= 3
check: all tools
	@sh test/run -j $(JOBS) $(if $(FILTER),-f '$(FILTER)') \
		$(or $(TESTS),test)

nemesis: export WJOBS = $(CURDIR)/$B/wjobs
nemesis: export NEMESIS_SECONDS ?= 600
nemesis: all tools
	@test/nemesis/run

queue-nemesis: export WJOBS = $(CURDIR)/$B/wjobs
queue-nemesis: export NEMESIS_STORE = $(STORE)
queue-nemesis: all $(NEMESIS)
	@test/queue_nemesis/run

mutants: all $(NEMESIS)
	@test/nemesis/mutants/run $(MUTANTS)

# ---- lint

SCRIPTS := $(wildcard etc/*.sh test/run test/nemesis/run \
	test/nemesis/mutants/run test/*.sh test/bench/run test/bench/*.sh .ci/run)
LINTED := $(ALL_SRC:%.c=build/lint/%.tidy)
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy
LINT_FLAGS = -std=c11 -D_GNU_SOURCE -I. $(PKG_CFLAGS) $(EV_CFLAGS)

lint: $(LINTED)
	$(CLANG_FORMAT) --dry-run -Werror $(ALL_SRC) $(HEADERS)
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j 2 \
		--enable=warning,portability,performance -D_GNU_SOURCE -D__linux__ -I. \
		--suppressions-list=test/cppcheck.txt $(LIB_SRC) $(CMD_SRC) $(TOOL_SRC)
	shellcheck $(SCRIPTS)
	shellcheck -s bash -x -e SC1010,SC2001,SC2013,SC2016,SC2030,SC2031,SC2034,SC2154,SC2217 \
		$(wildcard test/*.bash test/*.bats)
	$(if $(wildcard man/*.[15]),mandoc -Tlint -W warning $(wildcard man/*.[15]))
	@echo "lint: clean"

build/lint/%.tidy: %.c .clang-tidy $(HEADERS)
	@mkdir -p $(@D)
	$(call say,TIDY)$(CLANG_TIDY) --quiet $< -- $(LINT_FLAGS) 2>$@.err || \
		{ cat $@.err >&2; exit 1; }
	@touch $@

# ---- bench and fuzz

bench: all $(BENCHES) $B/bench/stamp $B/bench/floor $(NEMESIS)
	@$(MAKE) -s STATIC=1 all 2>/dev/null || true
	@WJOBS=$(CURDIR)/$B/wjobs BENCHES=$(CURDIR)/$B/bench \
		WJOBS_STATIC=$(CURDIR)/build/static/wjobs \
		sh test/bench/run $(BENCH)

fuzz:
	@command -v clang >/dev/null || { echo "make: no clang:" \
		"run 'sh etc/deps.sh check' first" >&2; exit 1; }
	@$(MAKE) SAN=fuzz fuzz-run

fuzz-run: $(if $(FUZZ),$B/fuzz/fuzz_$(FUZZ),$(FUZZERS))
	@for f in $^; do \
		n=$${f##*/fuzz_}; mkdir -p $B/corpus/$$n test/fuzz/seeds/$$n; \
		echo "fuzz: $$n for $(FUZZ_SECONDS) s"; \
		$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
		    -rss_limit_mb=2048 -print_final_stats=1 \
		    -artifact_prefix=$B/corpus/$$n- \
		    $B/corpus/$$n test/fuzz/seeds/$$n >$B/fuzz/$$n.log 2>&1 || \
		    { cat $B/fuzz/$$n.log; echo "fuzz: $$n failed"; exit 1; }; \
		sed -n 's/^stat::number_of_executed_units: */fuzz: executions /p' \
		    $B/fuzz/$$n.log; \
	done

# ---- install

D = $(DESTDIR)
install: all
	$(INSTALL) -d $(D)$(BINDIR) $(D)$(MANDIR)/man1 $(D)$(MANDIR)/man5 \
		$(D)$(DATADIR)/doc/wjobs
	$(INSTALL) -m 755 $B/wjobs $(D)$(BINDIR)/wjobs
	$(INSTALL) -m 644 man/wjobs.1 $(D)$(MANDIR)/man1/wjobs.1
	$(INSTALL) -m 644 man/wjobs.yaml.5 $(D)$(MANDIR)/man5/wjobs.yaml.5
	$(INSTALL) -m 644 wjobs.yaml.example README.md LICENSE \
		$(D)$(DATADIR)/doc/wjobs
	$(INSTALL) -d $(D)$(DATADIR)/bash-completion/completions \
		$(D)$(DATADIR)/zsh/site-functions \
		$(D)$(DATADIR)/fish/vendor_completions.d
	$(INSTALL) -m 644 etc/completions/wjobs.bash \
		$(D)$(DATADIR)/bash-completion/completions/wjobs
	$(INSTALL) -m 644 etc/completions/_wjobs $(D)$(DATADIR)/zsh/site-functions/_wjobs
	$(INSTALL) -m 644 etc/completions/wjobs.fish \
		$(D)$(DATADIR)/fish/vendor_completions.d/wjobs.fish

uninstall:
	rm -f $(D)$(BINDIR)/wjobs $(D)$(MANDIR)/man1/wjobs.1 \
		$(D)$(MANDIR)/man5/wjobs.yaml.5 \
		$(D)$(DATADIR)/bash-completion/completions/wjobs \
		$(D)$(DATADIR)/zsh/site-functions/_wjobs \
		$(D)$(DATADIR)/fish/vendor_completions.d/wjobs.fish
	rm -rf $(D)$(DATADIR)/doc/wjobs

clean:
	rm -rf build

-include $(ALL_SRC:%.c=$B/%.d)
