# story.sh - what the stories share: a directory of their own, a mount, checks. Sourced by their `run`:
#
#   run [--keep DIR] [PAIMONFS]
#
# works in DIR, which is kept, or in a temporary one. In it: input/, warehouse/, mnt/, and given/ with a copy of all that
# went into a table, in order, so that another program can be given the same.
set -umo pipefail # m: a job is a process group, which ends as one
story=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
keep='' binary='' passed=0 failed=0
while [ $# -gt 0 ]; do
    case $1 in
    --keep) keep=$2 && shift ;;
    *) binary=$1 ;;
    esac
    shift
done
[ -n "$binary" ] || binary=$(command -v paimonfs) || binary=$story/../../../build/paimonfs
PATH=$(cd "$(dirname "$binary")" && pwd):$PATH
if [ -n "$keep" ]; then
    mkdir -p "$keep"
    work=$(cd "$keep" && pwd)
else
    work=$(mktemp -d /tmp/paimonfs-story.XXXXXX)
fi
cd "$work" || exit 1
mkdir -p warehouse mnt given input
: >given/000
export XDG_CACHE_HOME=$work/cache

# What has been begun ends with the script, however that ends.
leave() {
    local jobs job at
    jobs=$(jobs -p)
    {
        for job in $jobs; do
            kill -- "-$job"
        done
        wait
    } 2>/dev/null
    for at in "$work"/mnt*; do
        mountpoint -q "$at" && paimonfs umount "$at"
    done
    cd / && [ -n "$keep" ] || rm -rf "$work"
}
trap leave EXIT
trap 'exit 1' INT TERM

say() { printf '\n-- %s\n' "$*"; }

check() { # WHAT WANT GOT
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1)) && echo "ok $1"
    else
        failed=$((failed + 1)) && echo "FAIL $1"
        diff <(printf '%s\n' "$2") <(printf '%s\n' "$3") | head -n 8
    fi
}

eventually() { # WHAT WANT COMMAND...: asked again and again, for 30 s at most
    local what=$1 want=$2 got='' tries=0
    shift 2
    while [ $tries -lt 150 ]; do
        got=$("$@" 2>&1)
        [ "$got" != "$want" ] || break
        tries=$((tries + 1))
        sleep 0.2
    done
    check "$what" "$want" "$got"
}

copy_of() { # TABLE DOOR: a name for a copy of what goes in, in $copy; they are numbered in order
    local made=(given/*)
    copy=given/$(printf '%03d' ${#made[@]})-${1//\//.}-$2
    : >"$copy"
}

give() { # TABLE DOOR: standard input into the door of a table (inbox, inbox.debezium, overwrite ...), and a copy beside it
    copy_of "$1" "$2"
    tee "$copy" >>"mnt/$1/$2"
}

kill_mount() { # MOUNTPOINT: as a crash would
    kill -9 "$(grep -o '"pid":[0-9]*' "$1/.paimonfs/status.json" | cut -d: -f2)"
}

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}
