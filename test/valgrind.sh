#!/bin/sh
# Linked under the name of a program as DIR/valgrind/NAME: runs DIR/NAME under
# valgrind, with the report where test/helper.bash looks for it.
dir=${0%/valgrind/*}
name=${0#"$dir"/valgrind/}
logs=${VALGRIND_LOGS:-/tmp}
exec valgrind --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite,possible --track-fds=yes \
	--trace-children=no --child-silent-after-fork=yes \
	--suppressions="${0%/build/*}/test/valgrind.supp" \
	--log-file="$logs/valgrind.%p" "$dir/$name" "$@"
