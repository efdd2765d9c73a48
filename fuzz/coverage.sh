#!/usr/bin/env bash
# How much of mfp-proto the committed seeds reach, module by module: runs the replay of its targets with coverage counters.
# Needs the compiler's own tools: rustup component add llvm-tools
set -euo pipefail
cd "$(dirname "$0")/.."
tools="$(rustc --print target-libdir)/../bin"
if [ ! -x "$tools/llvm-cov" ]; then
    echo "rustup component add llvm-tools" >&2
    exit 1
fi
out=${CARGO_TARGET_DIR:-target}/coverage
export CARGO_TARGET_DIR=$out RUSTFLAGS="-C instrument-coverage" LLVM_PROFILE_FILE=/dev/null

replay=$(cargo test -p mfp-proto --test fuzz_seeds --no-run --message-format=json |
    sed -n 's/.*"executable":"\([^"]*fuzz_seeds[^"]*\)".*/\1/p')
LLVM_PROFILE_FILE=$out/seeds.profraw "$replay" --quiet seeds_hold >/dev/null
"$tools/llvm-profdata" merge --sparse --output="$out/seeds.profdata" "$out/seeds.profraw"
# Columns of the report: file, regions, regions missed, share, functions, missed, share, lines, lines missed, share.
"$tools/llvm-cov" report "$replay" --instr-profile="$out/seeds.profdata" --ignore-filename-regex='/testing/' mfp-proto/src |
    awk '
        $2 ~ /^[0-9]+$/ && $1 != "TOTAL" {
            module = $1
            sub(/.*mfp-proto\/src\//, "", module)
            sub(/\/.*/, "", module)
            sub(/\.rs$/, "", module)
            add(module)
            add("all of it")
        }
        function add(name) {
            regions[name] += $2; missed[name] += $3; lines[name] += $8; left[name] += $9
        }
        function share(all, not) { return all ? 100 * (all - not) / all : 100 }
        END {
            printf "| module | lines | of | regions | of |\n|---|---|---|---|---|\n"
            for (name in lines) {
                printf "| %s | %.1f %% | %d | %.1f %% | %d |\n", name, share(lines[name], left[name]), lines[name],
                    share(regions[name], missed[name]), regions[name] | "sort"
            }
        }'
