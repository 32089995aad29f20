# Completion of wjobs for fish: commands and options as `--help` prints them,
# jobs as `wjobs list` does, so that there is nothing here to fall behind.

# The command on the line, if there is one yet.
function __wjobs_command
    set -l words (commandline -opc)
    set -l skip 1
    for word in $words
        if test $skip = 1
            set skip 0
        else if contains -- $word -f --file
            set skip 1
        else if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __wjobs_commands
    wjobs --help 2>/dev/null | sed -n '/^commands:/,/^$/s/^  \([a-z][a-z-]*\)  *\(.*\)/\1\t\2/p'
end

function __wjobs_options
    wjobs (__wjobs_command) --help 2>/dev/null | sed -n '/^options:/,$s/^  \(-[A-Za-z], \|    \)\(--[a-z-]*\).*/\2/p'
end

complete -c wjobs -f
complete -c wjobs -n 'not __wjobs_command' -a '(__wjobs_commands)'
complete -c wjobs -n 'not __wjobs_command' -s f -l file -r -F
complete -c wjobs -n 'string match -q -- "-*" (commandline -ct)' -a '(__wjobs_options)'
# What the command takes: jobs, unless it is other things.
function __wjobs_operands
    switch (__wjobs_command)
        case run next why
            wjobs -q list -o kind,job 2>/dev/null | sed -n '/^handler\t/!s/^[a-z]*\t//p'
        case enqueue
            wjobs -q list -o kind,job 2>/dev/null | sed -n 's/^handler\t//p'
        case queue
            echo purge
        case wait cancel
            wjobs -q queue -o id 2>/dev/null
        case retry
            wjobs -q queue --state buried -o id 2>/dev/null
        case '*'
            wjobs -q list -o job 2>/dev/null
    end
end

complete -c wjobs -n '__wjobs_command >/dev/null' -a '(__wjobs_operands)'
complete -c wjobs -n '__wjobs_command | string match -q queue' -l state -r -a 'ready delayed running buried done cancelled'
complete -c wjobs -n '__wjobs_command | string match -q history' -l status -r -a 'pending running completed failed skipped cancelled lost'
complete -c wjobs -n '__wjobs_command | string match -q lock' -l on-loss -r -a 'kill continue'
complete -c wjobs -n '__wjobs_command | string match -q pool' -l halt -r -a 'soon now'
complete -c wjobs -n '__wjobs_command | string match -q pool' -F
