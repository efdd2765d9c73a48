#!/usr/bin/env bash
# Shows that the simulation can fail: each patch here breaks a link in one way, and must be caught within so many seeds.
# One is not, `stale-negotiate-accepted`: no random run gets to where it shows. A test of links does, by hand
# (`a_claim_that_is_out_of_date_is_no_loss`), and so does the exhaustive search (`search.sh`).
# The patches are applied to a copy of the tree; takes the number of seeds, and names of patches (default: all).
set -euo pipefail
cd "$(dirname "$0")/../.."
seeds=${1:-20000}
shift || true
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$work"
patches=("$@")
[ ${#patches[@]} -gt 0 ] || patches=(tests/mutants/*.patch)
failed=0
for patch in "${patches[@]}"; do
    name=$(basename "$patch" .patch)
    patch --quiet --strip 1 --directory "$work" < "tests/mutants/$name.patch"
    cargo build --quiet --release --manifest-path "$work/Cargo.toml" -p mfp-tests --bin simulate
    if "$work/target/release/simulate" --seeds "0..$seeds" --first > "$work/out"; then
        echo "NOT CAUGHT $name within $seeds seeds"
        failed=1
    else
        echo "caught     $name: $(grep -m1 '^seed' "$work/out" | cut -c1-150) ($(grep -o '^[0-9]* seeds' "$work/out"))"
    fi
    patch --quiet --reverse --strip 1 --directory "$work" < "tests/mutants/$name.patch"
done
exit $failed
