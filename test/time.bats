#!/usr/bin/env bats
# lib/time by itself: durations, stamps, expressions, zones and when. The tables
# in test/data hold a question and, in the last column, its answer.

load helper

# answers VERB FILE [ARG]: the tool answers each line of the table as it says.
answers() {
  local table=$DATA/$2
  sed 's/\t[^\t]*$//' "$table" | tool time "$1" "${@:3}" >got
  sed 's/.*\t//' "$table" >wanted
  [[ -s wanted ]]
  diff -U0 wanted got | head -n 40
  cmp -s wanted got
}

# ask VERB TEXT: the tool's answer to one line.
ask() { printf '%s\n' "$2" | tool time "$1"; }

zone_names() {
  (cd "${TZDIR:-/usr/share/zoneinfo}" && find -L . -type f -path './[A-Z]*') |
    sed 's|^\./||' | sort
}

@test "durations: what a jobfile writes is read, written back, and told to people" {
  answers duration durations.tsv
}

@test "durations: people read two units, rounded, and a sign" {
  answers human durations-human.tsv
}

@test "stamps: RFC 3339, local time, now, @epoch and distances" {
  answers stamp stamps.tsv
}

@test "cron: the grammar names the times it should" {
  answers sets cron-good.tsv backup
}

@test "cron: what is wrong is told with its column, field and range" {
  answers sets cron-bad.tsv backup
}

@test "cron: in plain words" {
  answers words cron-words.tsv
}

@test "cron: which fields leave a time out, and what they name" {
  answers why cron-why.tsv
}

@test "cron: a word of the field that is at fault, and its range, is in each message" {
  local line n=0
  while IFS= read -r line; do
    [[ $line =~ (second|minute|hour|day\ of\ month|month|weekday)\ is ]] ||
      [[ $line == *@* || $line == *fields,* || $line == *field,* ]] ||
      { echo "$line" && return 1; }
    n=$((n + 1))
  done <"$DATA/cron-bad.tsv"
  ((n > 50))
}

@test "cron: H and ~ stay what they are for a name, and differ between names" {
  is "$(echo 'H H * * *' | tool time sets backup)" \
    "five both s=0 m=16 h=17"
  is "$(echo 'H H * * *' | tool time sets backup)" \
    "$(echo '~ ~ * * *' | tool time sets backup)"
  local n
  n=$(for i in {1..60}; do echo 'H 0 * * *' | tool time sets "job$i"; done |
    sort -u | wc -l)
  ((n > 25))
}

@test "when: the next instants, through every kind of change of offset" {
  answers fires cron-fires.tsv 3
}

@test "when: agrees with brute force on both sides of changes in all zones" {
  run -0 tool oracle 20260329 600 < <(zone_names)
  [[ $output =~ ^600\ changes,\ ([0-9]+)\ schedules ]]
  ((BASH_REMATCH[1] > 3000))
}

@test "when: agrees with brute force where zones are unusual" {
  run -0 tool oracle 7 120 Australia/Lord_Howe Europe/Dublin Africa/Casablanca \
    Pacific/Apia Antarctica/Troll America/Nuuk Asia/Pyongyang Africa/Cairo \
    Asia/Gaza America/Scoresbysund Antarctica/Casey Pacific/Kiritimati
}

@test "when: agrees with brute force where changes are minutes apart" {
  mkdir zones
  cp "$TOP/test/fuzz/seeds/tzif/near" zones/Near
  TZDIR=$PWD/zones tool oracle 5 100 Near
}

@test "when: wjobs next says what brute force says" {
  local zone expr from want n=0
  while IFS=$'\t' read -r zone expr from want; do
    is "$zone $expr $(wjobs next "$expr" -n 1 --timezone "$zone" \
      --from "@$from" -o epoch)" "$zone $expr $want"
    n=$((n + 1))
  done < <(zone_names | tool oracle -p 11 20)
  ((n >= 40))
}

@test "when: next advances, prev finds it again, count is the steps, none is slow" {
  run -0 tool time_props 3 40 < <(zone_names | awk 'NR % 15 == 1')
  [[ $output == "40 zones, "* ]]
}

@test "zones: every zone is libc's at each change and at random instants" {
  run -0 tool time_zone 5 400 < <(zone_names)
  [[ $output =~ ^([0-9]+)\ zones,\ ([0-9]+)\ changes,\ ([0-9]+)\ random ]]
  ((BASH_REMATCH[1] > 300 && BASH_REMATCH[2] > 100000))
  ((BASH_REMATCH[3] >= 100000))
}

@test "zones: files of version 1, and with changes minutes apart, are libc's too" {
  mkdir zones
  { head -c 4 && printf '\0' && tail -c +2; } <"/usr/share/zoneinfo/Europe/Berlin" \
    >zones/V1
  cp "$TOP/test/fuzz/seeds/tzif/close" zones/Close
  printf '%s\n' V1 Close >names
  TZDIR=$PWD/zones tool time_zone 5 2000 <names
}

@test "zones: POSIX rules are libc's too" {
  local rule
  for rule in UTC0 CET-1CEST,M3.5.0,M10.5.0/3 EST5EDT 'EST5EDT,M3.2.0,M11.1.0' \
    '<+0330>-3:30' '<-02>2<-01>,M3.5.0/-1,M10.5.0/0' 'AAA-1:30:15' \
    'NZST-12NZDT,M9.5.0,M4.1.0/3' 'AAA3BBB2:30,J60/0,J300' 'AAA3BBB,59,299/4:30'; do
    TZ=$rule ask default x >got
    for at in 1768435200 1784073600; do
      printf '%s ' "$(TZ=$rule date -d "@$at" '+%Z %z')"
    done >wanted
    # date has hours and minutes, the tool seconds
    awk '{ for (i = 2; i <= 4; i += 2) { s = $(i + 1); a = s < 0 ? -s : s;
      printf "%s %s%02d%02d ", $i, s < 0 ? "-" : "+", a / 3600, a / 60 % 60 } }' \
      got >mine
    diff wanted mine
  done
}

@test "zones: an unknown name is an error that tells the nearest" {
  is "$(ask zone Mars/Base)" "0: no time zone 'Mars/Base' in '/usr/share/zoneinfo'"
  is "$(ask zone europe/berlin)" \
    "0: no time zone 'europe/berlin'; did you mean Europe/Berlin?"
  is "$(ask zone Kolkata)" "0: no time zone 'Kolkata'; did you mean Asia/Kolkata?"
  is "$(ask zone Europe/Berln)" \
    "0: no time zone 'Europe/Berln'; did you mean Europe/Berlin?"
}

@test "zones: names that lead elsewhere, and files that are none, are refused" {
  local name
  for name in ../../../etc/passwd /etc/passwd Europe/../../passwd '' . .. Europe/ \
    Europe//Berlin 'Europe/Berlin ' 'a b' './UTC' 'Europe/.hidden'; do
    has "$(ask zone "$name")" "is not the name of a time zone"
  done
  has "$(ask zone zone.tab)" "it is not TZif"
  has "$(ask zone Europe)" "is not the file of a time zone"
  has "$(ask zone right/Europe/Berlin)" "counts leap seconds"
  mkdir zones
  mkfifo zones/Fifo
  truncate -s 2M zones/Huge
  touch zones/Empty
  has "$(TZDIR=$PWD/zones ask zone Fifo)" "is not the file of a time zone"
  has "$(TZDIR=$PWD/zones ask zone Huge)" "is not the file of a time zone"
  has "$(TZDIR=$PWD/zones ask zone Empty)" "it is not TZif"
}

@test "zones: TZDIR is where they are, and UTC needs no files" {
  mkdir zones
  export TZDIR=$PWD/zones
  has "$(ask zone Europe/Berlin)" "which holds none: is tzdata installed?"
  is "$(ask zone UTC)" "UTC UTC 0 UTC 0"
  cp /usr/share/zoneinfo/Asia/Tokyo zones/Mine
  is "$(ask zone Mine)" "Mine JST 32400 JST 32400"
}

@test "zones: a file cut short anywhere is refused, and none of it is believed" {
  local size n
  mkdir zones
  size=$(stat -Lc %s /usr/share/zoneinfo/Europe/Berlin)
  for ((n = 0; n < size; n += 23)); do
    head -c "$n" /usr/share/zoneinfo/Europe/Berlin >"zones/Cut$n"
    echo "Cut$n"
  done >names
  TZDIR=$PWD/zones tool time zone <names >got
  is "$(grep -vc 'has a broken file: it' got)" 0
}

@test "zones: the default is TZ: a name, a path, a rule, or nothing" {
  is "$(TZ=Asia/Tokyo ask default x)" "Asia/Tokyo JST 32400 JST 32400"
  is "$(TZ=:Asia/Tokyo ask default x)" "Asia/Tokyo JST 32400 JST 32400"
  is "$(TZ=/usr/share/zoneinfo/Asia/Tokyo ask default x)" \
    "Asia/Tokyo JST 32400 JST 32400"
  cp /usr/share/zoneinfo/Asia/Tokyo copy
  is "$(TZ=$PWD/copy ask default x)" "$PWD/copy JST 32400 JST 32400"
  is "$(TZ=CET-1CEST,M3.5.0,M10.5.0/3 ask default x)" \
    "CET-1CEST,M3.5.0,M10.5.0/3 CET 3600 CEST 7200"
  is "$(TZ='' ask default x)" "UTC UTC 0 UTC 0"
  is "$(TZ=Mars/Base ask default x)" \
    "0: TZ: no time zone 'Mars/Base' in '/usr/share/zoneinfo'"
  has "$(TZ=/nowhere ask default x)" "0: TZ: "
}

@test "zones: without TZ the default is what /etc/localtime names" {
  [[ -L /etc/localtime ]] || skip "/etc/localtime is no link"
  unset TZ
  local name
  name=$(readlink /etc/localtime)
  has "$(ask default x)" "${name##*/zoneinfo/} "
}
