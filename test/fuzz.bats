# The fuzzers' seeds, and what the fuzzers once found, without a fuzzer.

load helper

@test "fuzz: every seed is taken by its target" {
  local target name
  for target in "$TOP"/test/fuzz/fuzz_*.c; do
    [[ -e $target ]] || skip "no fuzz targets"
    name=${target##*/fuzz_}
    name=${name%.c}
    tool "replay_$name" "$TOP/test/fuzz/seeds/$name"/*
  done
}
