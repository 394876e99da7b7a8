# vsmtp: `make help` lists the targets. All that is made lies in $(B), dist/ or run/.

B       = build
PREFIX  = /usr/local
DESTDIR =
JOBS   := $(shell nproc 2>/dev/null || echo 2)

WARN   = -Wall -Wextra -Wshadow -Wmissing-prototypes -Wconversion -Wno-sign-conversion
WERROR = -Werror
OPT    = -O2 -g
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
CFLAGS =
LDFLAGS =
STD    = -std=c11 -I$(B)/gen
FLAGS  = $(STD) $(WARN) $(WERROR)

# Libraries: by pkg-config where it knows them, by their usual names where it does not. Asked for
# when a recipe runs, because `make run` may have just installed them.
pkg = $(shell pkg-config $(1) $(2) 2>/dev/null || echo $(3))
LIB_CFLAGS = $(call pkg,--cflags,sqlite3 libcares libpcre2-8,)
LIBS = -Wl,--as-needed -lmbedtls -lmbedx509 -lmbedcrypto -lspf2 \
       $(call pkg,--libs,libcares,-lcares) $(call pkg,--libs,sqlite3,-lsqlite3) \
       $(call pkg,--libs,libpcre2-8,-lpcre2-8) -lm

ROOMS     := base net sqlite rules smtp
SOURCES   := $(foreach room,$(ROOMS),$(sort $(wildcard $(room)/*.c)))
HEADERS   := vsmtp.h $(foreach room,$(ROOMS),$(sort $(wildcard $(room)/*.h)))
TEXTS     := $(sort $(wildcard sqlite/*.sql rules/*.vsl))
RESOURCES := $(TEXTS:%=$(B)/gen/%.inc)

all: $(B)/vsmtp ## build/vsmtp, the ordinary program (B=DIR: another folder; CC=clang works)

$(B)/vsmtp: vsmtp.c $(RESOURCES)
	@mkdir -p $(@D)
	$(CC) $(FLAGS) $(OPT) $(HARDEN) $(LIB_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -o $@ vsmtp.c \
	  -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(LIBS)

$(B)/gen/%.inc: % amalgamate.sh
	@mkdir -p $(@D)
	@./amalgamate.sh --text $< >$@.tmp && mv $@.tmp $@

dist: dist/vsmtp.c ## dist/vsmtp.c, the whole program in one file

dist/vsmtp.c: vsmtp.c amalgamate.sh $(SOURCES) $(HEADERS) $(TEXTS)
	@mkdir -p dist
	./amalgamate.sh -o $@

clean: ## removes what was made, but not run/
	rm -rf $(B) dist

help: ## this text
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|' 2>/dev/null || \
	  sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1: \2/p' $(MAKEFILE_LIST)

.PHONY: all dist clean help
-include $(wildcard $(B)/*.d)
