#!/usr/bin/env bash
# The main job over the small shop, offline, with a key that is thrown away. The shop is flawed on purpose: the gate
# must stay closed (exit 1). Any other end is a failure of ours.
#
#     bash tools/demo.sh CI_GUARD
set -euo pipefail
ci_guard=$1
output=build/demo
rm -rf "$output"
mkdir -p "$output"

keys=$(mktemp -d)
trap 'rm -rf "$keys"' EXIT
COSIGN_PASSWORD=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
export COSIGN_PASSWORD
"$ci_guard" keygen --output-key-prefix "$keys/demo"
cp "$keys/demo.pub" build/demo.pub

status=0
"$ci_guard" run examples/shop --key "$keys/demo.key" --output-dir "$output" || status=$?
echo
if [ "$status" -ne 1 ]; then
  echo "demo: ci-guard run ended with $status, 1 was expected" >&2
  exit 1
fi
echo "The gate is closed, as it should be: examples/shop is flawed on purpose (its README says how)."
echo "What the run left in $output:"
for file in "$output"/*; do
  printf '  %-26s %7d bytes\n' "${file##*/}" "$(wc -c <"$file")"
done
