#!/usr/bin/env bash
# Measures, and writes docs/benchmarks.md with its plots: `tests/report/run.sh`. Takes about 15 minutes after the builds.
# `tests/report/run.sh local durable` measures these parts again, and keeps what was measured of the others.
#
# Installs nothing. What is compared with is found by itself or named: PYTHON (one that has pymfp), NATS_SERVER, REDIS_SERVER.
# What is not there is said, here and in the report. Everything durable goes to the disk of the folder `target`.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target == /* ]] || target=$root/$target
figures=$target/report/figures
export CARGO_TARGET_DIR=$target TMPDIR=$target/report/disk
mkdir -p "$figures" "$TMPDIR"

parts=(channels lanes paths transport store peers start local durable)
wanted=("${@:-${parts[@]}}")
for part in "${wanted[@]}"; do
    [[ " ${parts[*]} " == *" $part "* ]] || { echo "no such part: $part; there are ${parts[*]}" >&2; exit 2; }
done

python=${PYTHON:-python3}
nats=${NATS_SERVER:-$(command -v nats-server || true)}
redis=${REDIS_SERVER:-$(command -v redis-server || true)}
lacks() { printf 'LACKS %s: %s is left out. %s\n' "$1" "$1" "$2" >&2; }
pymfp=yes
"$python" -c 'import mfp' 2>/dev/null || {
    pymfp=
    lacks pymfp "Have it with: python3 -m venv DIR && DIR/bin/pip install pymfp==1.0.0, and PYTHON=DIR/bin/python"
}
[ -n "$nats" ] || lacks nats-server "Debian has it as nats-server; newer versions are at nats.io. Name one with NATS_SERVER."
[ -n "$redis" ] || lacks redis-server "Debian has it as redis-server. Name another with REDIS_SERVER."

fact() { printf 'fact %s: %s\n' "$1" "${2:-unknown}"; }
load() { cut -d' ' -f1-3 /proc/loadavg; }
say() { printf '\n== %s (%s s)\n' "$*" "$SECONDS" >&2; }
report() { "$target/release/report" "$@"; }

# The bench of a part: its package and its name.
declare -A benches=(
    [channels]='mfp-proto local' [lanes]='mfp-proto link' [paths]='mfp-proto runtime' [transport]='mfp-tests transport'
    [store]='mfp-store store' [peers]='mfp-tests idle' [start]='mfp-server start'
)

# First, and as they are run later: what compiles beside a measurement disturbs it.
say builds
for part in "${wanted[@]}"; do
    read -r package name <<<"${benches[$part]:-}"
    [ -z "$package" ] || cargo bench --no-run --package "$package" --bench "$name"
done
cargo build --release --manifest-path tests/report/Cargo.toml

measure() {
    case $1 in
    local)
        if [ -n "$pymfp" ]; then
            report local --python "$python" --script tests/report/pymfp_local.py
        else
            echo 'skipped pymfp: it is not installed'
        fi
        ;;
    durable) report durable ${nats:+--nats "$nats"} ${redis:+--redis "$redis"} --folder "$TMPDIR" ;;
    *)
        read -r package name <<<"${benches[$1]}"
        cargo bench --quiet --package "$package" --bench "$name"
        ;;
    esac
}

before=$(load)
for part in "${wanted[@]}"; do
    say "$part"
    # A part that fails leaves what was there.
    measure "$part" >"$figures/$part.new"
    mv "$figures/$part.new" "$figures/$part"
done

# The version is in the first line that names one.
version() { "$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1; }
{
    fact date "$(date -u +%F)"
    fact commit "$(git rev-parse --short=12 HEAD 2>/dev/null)"
    fact cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
    fact cores "$(nproc)"
    fact memory "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)"
    fact system "$(uname -sr)"
    fact disk "$(df --output=fstype "$TMPDIR" | tail -n 1), $(df --output=source "$TMPDIR" | tail -n 1)"
    fact rustc "$(rustc --version)"
    [ -z "$nats" ] || fact nats "$(version "$nats")"
    [ -z "$redis" ] || fact redis "$(version "$redis")"
    fact 'load before' "$before"
    fact 'load after' "$(load)"
} >"$figures/facts"

say report
report write --figures "$figures" --docs docs
say done
