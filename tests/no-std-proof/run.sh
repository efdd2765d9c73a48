#!/usr/bin/env bash
# Shows that mfp-proto needs no std and, without its feature `alloc`, no allocator: links it into a program that has neither,
# runs that, and shows that the same program does not build once an allocator or std gets in.
# One line for each case; fails if any case is wrong. Honours CARGO_TARGET_DIR.
set -euo pipefail

target=${CARGO_TARGET_DIR:-}
[[ -z $target || $target == /* ]] || target=$PWD/$target
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
target=${target:-$root/target}
triple=x86_64-unknown-linux-gnu
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

right() { printf 'ok     %s\n' "$*"; }
wrong() {
    printf 'WRONG  %s\n' "$*"
    sed 's/^/       | /' "$log" | tail -n 30
    failed=1
}

# compiles FEATURES: the library alone, for the host.
compiles() {
    local name="cargo build -p mfp-proto --no-default-features --features '$1'"
    if (cd "$root" && CARGO_TARGET_DIR=$target cargo build -p mfp-proto --no-default-features --features "$1") >"$log" 2>&1; then
        right "$name"
    else
        wrong "$name"
    fi
}

# The program, with flags that nobody outside has a say in.
build() {
    env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS CARGO_TARGET_DIR="$target/no-std-proof" \
        cargo build --color never --target "$triple" --features "$1" >"$log" 2>&1
}

# runs NAME FEATURES: links and exits with 0.
runs() {
    local code=0
    if ! build "$2"; then
        wrong "$1: does not link"
        return
    fi
    "$target/no-std-proof/$triple/debug/no-std-proof" >"$log" 2>&1 || code=$?
    if [[ $code == 0 ]]; then right "$1: links and runs"; else wrong "$1: exits with $code"; fi
}

# fails NAME FEATURES PATTERN: does not build, and for this reason.
fails() {
    if build "$2"; then
        wrong "$1: builds, but must not"
    elif grep -Eq "$3" "$log"; then
        right "$1: refused: $(grep -Eom1 "$3" "$log")"
    else
        wrong "$1: refused, but for another reason than /$3/"
    fi
}

compiles ''
compiles alloc
compiles legacy-v1

host=$(rustc -vV | sed -n 's/^host: //p')
if [[ $host != "$triple" ]]; then
    printf '\nSKIPPED: the link proof needs %s, and this is %s. NOTHING IS SHOWN ABOUT LINKING HERE.\n' "$triple" "$host"
    exit "$failed"
fi

# The versions that the workspace uses, and no second lock file to keep in step.
cp "$root/Cargo.lock" Cargo.lock
runs 'without an allocator' ''
runs 'with a bump allocator' alloc
fails 'control: alloc without an allocator' let-in-alloc 'no global memory allocator found'
fails 'control: std let in' let-in-std 'duplicate lang item `panic_impl`'
exit "$failed"
