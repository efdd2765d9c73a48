#!/usr/bin/env bash
# rustdoc, with the switch that lets the stable one write JSON. Not for the compiler: what it builds stays as it is.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
