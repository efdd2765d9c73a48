#!/usr/bin/env bash
# Compares the public API of the libraries with the listings here; with --update it writes them anew. So a change of the API
# shows in a review, and none happens by accident. Honours CARGO_TARGET_DIR.
set -euo pipefail

target=${CARGO_TARGET_DIR:-}
[[ -z $target || $target == /* ]] || target=$PWD/$target
cd "$(dirname "$0")/../.."
target=${target:-$PWD/target}

# The JSON of rustdoc has a new format now and then, and `public-api` in Cargo.toml reads this one.
release=$(rustc -vV | sed -n 's/^release: //p')
if [[ $release != 1.95.* ]]; then
    printf '\nSKIPPED: the listing of the public API needs Rust 1.95, and this is %s. NOTHING IS SHOWN ABOUT THE API HERE.\n' "$release"
    exit 0
fi

RUSTDOC=$PWD/tests/public-api/rustdoc.sh RUSTDOCFLAGS='-Zunstable-options --output-format json' \
    cargo doc --quiet --lib --no-deps --all-features -p mfp-proto -p mfp-smol -p mfp-store -p mfp-tokio
if ! cargo run --quiet -p mfp-public-api -- "$target/doc" "$@"; then
    printf '\nIf this change of the API is meant: tests/public-api/run.sh --update, and a line in CHANGELOG.md.\n'
    exit 1
fi
