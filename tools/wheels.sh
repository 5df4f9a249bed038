#!/usr/bin/env bash
# Fetch the wheels that requirements/ci.txt locks, for a build of the Dockerfile without network.
#
#     bash tools/wheels.sh DIR
#
# An environment that uv made has no pip, and uv downloads nothing it does not install: pip comes from Python itself.
set -euo pipefail

target=$1
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
"${PYTHON:-python3}" -I -m venv "$work/venv"
PIP_CONFIG_FILE=${PIP_CONFIG_FILE:-/dev/null} PIP_DISABLE_PIP_VERSION_CHECK=1 "$work/venv/bin/python" -I -m pip download \
  --quiet --require-hashes --no-deps --only-binary :all: -r "$checkout/requirements/ci.txt" -d "$target"
