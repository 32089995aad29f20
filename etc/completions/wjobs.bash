# shellcheck shell=bash
# Completion of wjobs for bash: commands and options as `--help` prints them,
# jobs as `wjobs list` does, so that there is nothing here to fall behind.

# _wjobs_table commands|options WORD... - the names in that part of the help.
_wjobs_table() {
	local part=$1
	shift
	if [[ $part == commands ]]; then
		"$@" --help 2>/dev/null |
			sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
	else
		"$@" --help 2>/dev/null |
			sed -n '/^options:/,$s/^  \(-[A-Za-z], \|    \)\(--[a-z-]*\).*/\2/p'
	fi
}

# What an option takes, beyond files.
_wjobs_argument() {
	case $1 in
	--status)
		echo pending running completed failed skipped cancelled lost
		;;
	--state)
		echo 'ready delayed running buried done cancelled'
		;;
	--on-loss)
		echo kill continue
		;;
	--halt)
		echo soon now
		;;
	--timezone)
		awk '!/^#/ { print $3 }' \
			"${TZDIR:-/usr/share/zoneinfo}/tzdata.zi" \
			"${TZDIR:-/usr/share/zoneinfo}/zone1970.tab" 2>/dev/null |
			grep /
		;;
	esac
}

# What a command's operands may be: jobs, unless it takes other things.
_wjobs_operands() {
	local command=$1
	shift
	case $command in
	exec | lock | pool | check | list | status) ;;
	run | next | why)
		"$@" list -o kind,job 2>/dev/null |
			sed -n '/^handler	/!s/^[a-z]*	//p'
		;;
	enqueue)
		"$@" list -o kind,job 2>/dev/null | sed -n 's/^handler	//p'
		;;
	queue)
		echo purge
		;;
	wait | cancel)
		"$@" queue -o id 2>/dev/null
		;;
	retry)
		"$@" queue --state buried -o id 2>/dev/null
		;;
	*)
		"$@" list -o job 2>/dev/null
		;;
	esac
}

_wjobs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local wjobs=${COMP_WORDS[0]} command='' words='' i
	local -a file=()

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-f | --file)
			file=(-f "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	COMPREPLY=()
	if [[ -z $command && $prev == @(-f|--file) ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	words=$(_wjobs_argument "$prev")
	if [[ -z $words && $cur == -* ]]; then
		words=$(_wjobs_table options "$wjobs" ${command:+"$command"})
	elif [[ -z $words && -z $command ]]; then
		words=$(_wjobs_table commands "$wjobs")
	elif [[ -z $words ]]; then
		words=$(_wjobs_operands "$command" "$wjobs" -q "${file[@]}")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o default -F _wjobs wjobs
