#!/usr/bin/env bash
# Make a virtual environment that runs ci-guard from this checkout, with exactly the locked packages.
#
#     bash tools/install.sh VENV REQUIREMENTS
#
# The action, the Makefile and the CI all install through here. Nothing in the current folder is trusted: it may be
# the tree of a hostile pull request. Hence `-I` everywhere, no configuration files of pip or uv, hashes for every
# package, wheels only (a source distribution would run its build script), no `pip install .` (build isolation would
# fetch a build backend that no lock names), and `--no-deps`: the lock names every package, so there is nothing to
# resolve (older pip would look at newer versions of a package that is asked for with an extra, and stop there).
set -euo pipefail

venv=$1
requirements=$2
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
case $requirements in /*) ;; *) requirements=$PWD/$requirements ;; esac

python=${PYTHON:-}
for candidate in python3 python; do
  [ -n "$python" ] || python=$(command -v "$candidate" || true)
done
[ -n "$python" ] || { echo "ci-guard: no Python on PATH; 3.11 or newer is needed" >&2; exit 3; }
"$python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "ci-guard: $("$python" -I -V) is too old; 3.11 or newer is needed (in a workflow: actions/setup-python)" >&2
  exit 3
}

# A cache could hold files that somebody else unpacked, and uv checks hashes when it downloads: use none where asked.
cache=()
[ "${CI_GUARD_NO_CACHE:-}" = 1 ] && cache=(--no-cache)

uv=$(command -v uv || true)
if [ -n "$uv" ]; then
  "$python" -I -m venv --clear --without-pip "$venv"
else
  "$python" -I -m venv --clear "$venv"
fi
inside=$venv/bin/python
[ -x "$inside" ] || inside=$venv/Scripts/python.exe

cd "$venv" # not where a pull request can leave files
if [ -n "$uv" ]; then
  "$uv" --no-config pip install --quiet ${cache[@]+"${cache[@]}"} --python "$inside" \
    --require-hashes --no-deps --only-binary :all: -r "$requirements"
else
  PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1 "$inside" -I -m pip install --quiet \
    ${cache[@]+--no-cache-dir} --require-hashes --no-deps --only-binary :all: -r "$requirements"
fi

# The package is read from the checkout; a `.pth` file works under `python -I`, PYTHONPATH does not.
"$inside" -I - "$checkout" <<'PY'
import pathlib
import sys
import sysconfig

pathlib.Path(sysconfig.get_path("purelib"), "ci-guard.pth").write_text(sys.argv[1] + "\n", encoding="utf-8")
PY
if [ -d "$venv/bin" ]; then
  # shellcheck disable=SC2016 # the launcher expands these, not we
  printf '%s\n' '#!/bin/sh' 'exec "$(dirname -- "$0")/python" -I -m ci_guard "$@"' >"$venv/bin/ci-guard"
  chmod +x "$venv/bin/ci-guard"
fi
"$inside" -I -m ci_guard --version >&2
