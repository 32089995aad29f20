# A folder is a layer: a file includes its own and those before it in the list.
# These tests read the sources; they need no binary.

load helper

LAYERS="lib/base lib/time lib/jobfile lib/process lib/store lib/engine cmd"

# wrong_arrows DIR - each include below DIR that runs the wrong way, or to what
# is no file of ours.
wrong_arrows() {
  (cd "$1" && grep -rn --include='*.[ch]' '^#include "' lib cmd) |
    awk -F: -v layers="$LAYERS" -v top="$1" '
      BEGIN {
        n = split(layers, name, " ")
        for (i = 1; i <= n; i++)
          place[name[i]] = i
      }
      function layer(path) {
        sub("/[^/]*$", "", path)
        return path
      }
      {
        split($3, part, "\"")
        from = layer($1)
        to = layer(part[2])
        if (!(from in place))
          print $1 ": " from " is no layer"
        else if (!(to in place))
          print $1 ":" $2 ": " part[2] " is not written from the top"
        else if (place[to] > place[from])
          print $1 ":" $2 ": " from " includes " part[2]
        else if (system("test -f " top "/" part[2]) != 0)
          print $1 ":" $2 ": there is no " part[2]
      }'
}

@test "layers: no file includes one of a layer below its own" {
  is "$(wrong_arrows "$TOP")" ""
}

@test "layers: an arrow that runs the wrong way is seen" {
  mkdir -p lib/base lib/engine lib/odd cmd
  touch lib/base/mem.h lib/engine/run.h
  echo '#include "lib/engine/run.h"' >lib/base/mem.c
  echo '#include "lib/base/mem.h"' >lib/engine/run.c
  echo '#include "lib/base/mem.h"' >cmd/main.c
  is "$(wrong_arrows .)" "lib/base/mem.c:1: lib/base includes lib/engine/run.h"
  echo '#include "run.h"' >lib/base/mem.c
  is "$(wrong_arrows .)" "lib/base/mem.c:1: run.h is not written from the top"
  echo '#include "lib/base/gone.h"' >lib/base/mem.c
  is "$(wrong_arrows .)" "lib/base/mem.c:1: there is no lib/base/gone.h"
  echo '#include "lib/base/mem.h"' >lib/base/mem.c
  echo '#include "lib/base/mem.h"' >lib/odd/odd.c
  is "$(wrong_arrows .)" "lib/odd/odd.c: lib/odd is no layer"
}

@test "layers: a header includes what it needs" {
  cd "$TOP"
  local header bad=""
  for header in lib/*/*.h cmd/*.h; do
    "${CC:-cc}" -std=c11 -D_GNU_SOURCE -I. -fsyntax-only -x c "$header" ||
      bad+=" $header"
  done
  is "$bad" ""
}

@test "layers: a file with a header of its name includes that first" {
  cd "$TOP"
  local file first bad=""
  for file in lib/*/*.c cmd/*.c; do
    [[ -e ${file%.c}.h ]] || continue
    first=$(grep -m 1 '^#include' "$file")
    [[ $first == "#include \"${file%.c}.h\"" ]] || bad+=" $file"
  done
  is "$bad" ""
}

@test "layers: nothing but what belongs there stands at the top" {
  cd "$TOP"
  local names allowed
  allowed="CHANGELOG.md CONTRIBUTING.md LICENSE Makefile README.md cmd etc lib"
  allowed+=" man test wjobs.yaml.example"
  if git rev-parse --git-dir >/dev/null 2>&1; then
    names=$(git ls-files | cut -d / -f 1 | grep -v '^[.]' | sort -u)
  else
    names=$(find . -mindepth 1 -maxdepth 1 ! -name '.*' ! -name build \
      -printf '%f\n' | sort)
  fi
  is "$(comm -23 <(sort <<<"$names") <(tr ' ' '\n' <<<"$allowed" | sort))" ""
}

@test "layers: no file uses what the house has banned" {
  cd "$TOP"
  local banned="atoi|atol|strcpy|strcat|sprintf|vsprintf|strtok|gets|alloca"
  banned+="|localtime|gmtime|ev_default_loop|system|popen|fork|posix_spawn"
  run grep -rnE --include='*.[ch]' "(^|[^A-Za-z0-9_>.])($banned)[(]" lib cmd
  is "$output" ""
}

@test "layers: the library prints nothing and ends nothing" {
  cd "$TOP"
  # Where memory or random bytes have run out there is nobody left to tell.
  run grep -rnE --include='*.c' --exclude=mem.c --exclude=ulid.c \
    "(^|[^A-Za-z0-9_])((printf|puts|putchar|perror|exit|abort)[(]|std(out|err)[,;)])" lib
  is "$output" ""
}
