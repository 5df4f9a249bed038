#!/usr/bin/env bash
# Builds the peers of `make interop` into the folder $1, each in its own module with its own go.sum; what is there stays.
# A peer that cannot be had or built is named and left out: its tests then say that they were skipped.
set -euo pipefail
out=$(realpath "$1")
peers=(
  "notation github.com/notaryproject/notation@v1.3.2 ./cmd/notation"
  "timestamp-server github.com/sigstore/timestamp-authority/v2@v2.1.3 ./cmd/timestamp-server"
  "rekor-server github.com/sigstore/rekor-tiles/v2@v2.3.0 ./cmd/rekor-server/posix"
  "fulcio github.com/sigstore/fulcio@v1.8.8 ."
  "gh github.com/cli/cli/v2@v2.96.0 ./cmd/gh"
  "slsa-verifier github.com/slsa-framework/slsa-verifier/v2@v2.7.1 ./cli/slsa-verifier"
  "policy-tester github.com/sigstore/policy-controller@v0.13.1 ./cmd/tester"
  "cosign3 github.com/sigstore/cosign/v3@v3.1.3 ./cmd/cosign"
  "cosign2 github.com/sigstore/cosign/v2@v2.6.5 ./cmd/cosign"
)
for peer in "${peers[@]}"; do
  read -r name module package <<<"$peer"
  [[ -x $out/$name ]] && continue
  # Asked for by its version and built where it lies: no list of versions is needed, and its own locks hold.
  folder=$(go mod download -json "$module" | sed -n 's/^\s*"Dir": "\(.*\)",\?$/\1/p') || true
  if [[ -n $folder ]] && (cd "$folder" && nice go build -mod=readonly -buildvcs=false -trimpath -o "$out/$name" "$package"); then
    echo "built $name ($module)"
  else
    echo "not built: $name ($module)" >&2
  fi
done
