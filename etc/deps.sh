#!/bin/sh
# etc/deps.sh [build | check | all] - install what wjobs needs.
#
#	build	to compile it; this is the default
#	check	and to run the tests
#	all	and for lint, fuzz, valgrind and the completions' tests
#
# Looks first, and does nothing where all is there. Knows apt-get, dnf, apk and
# pacman; becomes root by sudo or doas where it must.
set -eu

# What it is, how to see that it is there, and the packages of apt-get, dnf,
# apk and pacman, with a comma between two.
needs() {
	cat <<-'END'
	build make          make                make make make make
	build cc            cc                  gcc,libc6-dev gcc,glibc-devel gcc,musl-dev gcc
	build pkg-config    pkg-config          pkg-config pkgconf-pkg-config pkgconf pkgconf
	build libev         <ev.h>              libev-dev libev-devel libev-dev libev
	build libyaml       <yaml.h>            libyaml-dev libyaml-devel yaml-dev libyaml
	build sqlite        <sqlite3.h>         libsqlite3-dev sqlite-devel sqlite-dev sqlite
	build jansson       <jansson.h>         libjansson-dev jansson-devel jansson-dev jansson
	build hiredis       <hiredis/hiredis.h> libhiredis-dev hiredis-devel hiredis-dev hiredis
	build zones         /usr/share/zoneinfo/Europe/Berlin tzdata tzdata tzdata tzdata
	check bash          bash                bash bash bash bash
	check bats          bats>=1.5           bats bats bats bash-bats
	check setsid        setsid              util-linux util-linux util-linux util-linux
	check ps            ps                  procps procps-ng procps procps-ng
	check strace        strace              strace strace strace strace
	check jq            jq                  jq jq jq jq
	check mandoc        mandoc              mandoc mandoc mandoc mandoc
	check python        python3             python3 python3 python3 python
	check sqlite3       sqlite3             sqlite3 sqlite sqlite sqlite
	check redis         redis-server        redis-server redis redis redis
	check script        script              bsdutils util-linux-script util-linux-misc util-linux
	all   zsh           zsh                 zsh zsh zsh zsh
	all   fish          fish                fish fish fish fish
	all   clang         clang               clang clang clang clang
	all   fuzzer        -fsanitize=fuzzer   libclang-rt-dev compiler-rt compiler-rt compiler-rt
	all   clang-format  clang-format        clang-format clang-tools-extra clang-extra-tools clang
	all   clang-tidy    clang-tidy          clang-tidy clang-tools-extra clang-extra-tools clang
	all   cppcheck      cppcheck            cppcheck cppcheck cppcheck cppcheck
	all   shellcheck    shellcheck          shellcheck ShellCheck shellcheck shellcheck
	all   valgrind      valgrind            valgrind valgrind valgrind valgrind
	all   xargs         xargs               findutils findutils findutils findutils
	END
}

# has PROBE - a header, a file, a flag of clang, a program of a version, or a
# program.
has() {
	case $1 in
	'<'*)
		echo "#include $1" | ${CC:-cc} -E - >/dev/null 2>&1
		;;
	/*)
		[ -e "$1" ]
		;;
	-*)
		echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' |
			clang "$1" -x c -o /dev/null - >/dev/null 2>&1
		;;
	*'>='*)
		is_new_enough "${1%%>=*}" "${1##*>=}"
		;;
	*)
		command -v "$1" >/dev/null 2>&1
		;;
	esac
}

# is_new_enough PROGRAM MAJOR.MINOR
is_new_enough() {
	command -v "$1" >/dev/null 2>&1 || return 1
	"$1" --version | tr -c '0-9.\n' ' ' | awk -v want="$2" '{
		split(want, w, "."); split($1, v, ".")
		exit !(v[1] > w[1] || (v[1] == w[1] && v[2] + 0 >= w[2]))
	}'
}

# missing LEVEL - the lines of needs that are asked for and not there.
missing() {
	needs | while read -r level name probe packages; do
		case $level:$1 in
		build:* | check:check | *:all) ;;
		*) continue ;;
		esac
		has "$probe" || echo "$name $packages"
	done
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	elif command -v doas >/dev/null 2>&1; then
		doas "$@"
	else
		echo "deps.sh: run as root: $*" >&2
		return 1
	fi
}

# The lists of packages are fetched only where they do not do as they are.
apt_install() {
	if ! apt-get install --simulate --no-install-recommends "$@" \
		>/dev/null 2>&1; then
		as_root apt-get update
	fi
	set -- env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y --no-install-recommends "$@"
	as_root "$@" || { as_root apt-get update && as_root "$@"; }
}

install() {
	case $manager in
	apt-get) apt_install "$@" ;;
	dnf) as_root dnf install -y "$@" ;;
	apk) as_root apk add "$@" ;;
	pacman) as_root pacman -S --needed --noconfirm "$@" ;;
	esac
}

what=${1:-build}
case $what in
build | check | all) ;;
*)
	echo "usage: deps.sh [build | check | all]" >&2
	exit 2
	;;
esac

wanted=$(missing "$what")
[ -n "$wanted" ] || exit 0
names=$(echo "$wanted" | cut -d ' ' -f 1 | paste -s -d ' ' -)

column=2
for manager in apt-get dnf apk pacman none; do
	! command -v "$manager" >/dev/null 2>&1 || break
	column=$((column + 1))
done
if [ "$manager" = none ]; then
	echo "deps.sh: no apt-get, dnf, apk or pacman here; missing: $names" >&2
	exit 1
fi

echo "deps.sh: installing with $manager: $names"
packages=$(echo "$wanted" | cut -d ' ' -f "$column" | tr ',' '\n' | sort -u)
# shellcheck disable=SC2086 # one word a package
install $packages

wanted=$(missing "$what")
if [ -n "$wanted" ]; then
	echo "deps.sh: still missing:" \
		"$(echo "$wanted" | cut -d ' ' -f 1 | paste -s -d ' ' -)" >&2
	exit 1
fi
