#!/usr/bin/env bash
# Write requirements/*.txt from the extras in pyproject.toml: every package by version and hash, for all platforms,
# without the address of any index (the user's own is used).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export UV_CUSTOM_COMPILE_COMMAND="make requirements"

lock() { # output, then the options that say what
  local output=$1
  shift
  uv --no-config pip compile --quiet --universal --generate-hashes --python-version 3.11 \
    --no-emit-index-url --no-emit-find-links "$@" --output-file "$output"
  echo "$output: $(grep -c '==' "$output") packages"
}

lock requirements/lint.txt pyproject.toml
lock requirements/ci.txt --extra ci pyproject.toml
lock requirements/dev.txt --extra dev pyproject.toml
lock benchmarks/requirements.txt benchmarks/requirements.in
