# GNU make. `make` leaves build/wjobs; see CONTRIBUTING.md for the rest.
PREFIX ?= /usr/local
CC ?= cc
PKG_CONFIG ?= pkg-config

B := build
ifeq ($(SAN),1)
B := build/san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined
endif
ifeq ($(SAN),thread)
B := build/tsan
SANFLAGS := -fsanitize=thread
endif

PKGS := yaml-0.1 sqlite3 jansson
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wundef -Wformat=2 \
	-Wno-format-nonliteral -Wvla -Werror
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -D_TIME_BITS=64 -D_FILE_OFFSET_BITS=64 \
	-I. -I$B $(WARN) $(shell $(PKG_CONFIG) --cflags $(PKGS)) $(CFLAGS) \
	$(SANFLAGS) -fno-strict-aliasing -pthread
LIBS = $(shell $(PKG_CONFIG) --libs $(PKGS)) -lev -lm -pthread

LIB_SRC := $(wildcard lib/*/*.c)
CMD_SRC := $(wildcard cmd/*.c)
TOOL_SRC := $(wildcard test/tool/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$B/%.o)
TOOLS := $(TOOL_SRC:test/tool/%.c=$B/test/%)

.PHONY: all clean tools check
all: $(if $(CMD_SRC),$B/wjobs)
tools: $(TOOLS)

$B/wjobs: $(CMD_OBJ) $B/libwjobs.a
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/libwjobs.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$B/test/%: $B/test/tool/%.o $B/libwjobs.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The schema as a C string, a line a line.
$B/lib/store/sqlite_open.o: $B/lib/store/schema.h
$B/lib/store/schema.h: lib/store/schema.sql
	@mkdir -p $(@D)
	{ echo 'static const char schema_sql[] ='; \
	sed 's/[\\"]/\\&/g; s/^/"/; s/$$/\\n"/' $<; echo ';'; } >$@

check: all tools
	bats test

clean:
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(TOOL_SRC:%.c=$B/%.d)
