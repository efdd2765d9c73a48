#!/usr/bin/env bash
# Shows that the exhaustive search can fail: each patch named here breaks a link in one way, and is found within its
# bounds, by a shortest run. The patches are applied to a copy of the tree; takes names of patches (default: all).
set -euo pipefail
cd "$(dirname "$0")/../.."
declare -A bounds=(
    [ack-before-persist]="--messages 1+1 --dials 0 --prompt"
    [closed-not-set]="--messages 1+1 --dials 0 --prompt --faults crash"
    [cursor-not-durable]="--messages 1+1 --dials 0 --prompt --faults crash"
    [duplicate-not-dropped]="--messages 1+1 --dials 0 --prompt --faults cut"
    [reorder-on-resync]="--messages 1+1 --dials 0 --prompt --faults cut"
    [stale-negotiate-accepted]="--messages 1+0 --prompt --faults cut --replacements 1"
    [write-ahead-skipped]="--messages 2+0 --dials 0 --prompt"
)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$work"
names=("$@")
[ ${#names[@]} -gt 0 ] || readarray -t names < <(printf '%s\n' "${!bounds[@]}" | sort)
failed=0
for name in "${names[@]}"; do
    patch --quiet --strip 1 --directory "$work" < "tests/mutants/$name.patch"
    cargo build --quiet --release --manifest-path "$work/Cargo.toml" -p mfp-tests --bin exhaust
    # shellcheck disable=SC2086 # several words
    "$work/target/release/exhaust" ${bounds[$name]} --threads 1 > "$work/out" || true
    if grep -q '^DOES NOT HOLD' "$work/out"; then
        echo "caught     $name: $(grep -m1 '^DOES NOT HOLD' "$work/out" | cut -d' ' -f4-) ($(tail -1 "$work/out"))"
    else
        echo "NOT CAUGHT $name: $(tail -1 "$work/out")"
        failed=1
    fi
    patch --quiet --reverse --strip 1 --directory "$work" < "tests/mutants/$name.patch"
done
exit $failed
