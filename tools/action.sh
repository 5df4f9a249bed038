#!/usr/bin/env bash
# The main job, as the inputs of action.yml ask for it: INPUT_… become options of `ci-guard run`.
#
# An empty input is an option that was not given. What is printed may quote a hostile pull request, so the runner is
# told to take no commands from it; findings for annotations go to a file, for the last step decides whether to show them.
# Also for the bash 3.2 of macOS: no `${x^^}`, no empty arrays.
set -euo pipefail

args=(--defer-gate "--output-dir=${INPUT_OUTPUT_DIR:-$WORK/results}" --format=github "--output=$WORK/annotations.txt")

value() { # NAME VALUE
  [ -z "$2" ] || args+=("--$1=$2")
}

each_line() { # NAME VALUES
  while IFS= read -r line; do
    value "$1" "${line%$'\r'}"
  done <<<"$2"
}

refuse() { # MESSAGE
  echo "ci-guard: $1" >&2
  echo "::error title=ci-guard::$1"
  exit 2
}

switch() { # NAME VALUE
  case $2 in
    true) args+=("--$1") ;;
    "" | false) ;;
    *) refuse "the input $1 is true or false" ;;
  esac
}

for named in "upload-sarif:$INPUT_UPLOAD_SARIF" "annotations:$INPUT_ANNOTATIONS"; do
  case ${named#*:} in
    auto | true | false) ;;
    *) refuse "the input ${named%%:*} is auto, true or false" ;;
  esac
done

[ -d "${INPUT_WORKING_DIRECTORY:-.}" ] || refuse "the input working-directory names no folder of the workspace"

value config "$INPUT_CONFIG"
value profile "$INPUT_PROFILE"
value extends "$INPUT_EXTENDS"
each_line rules "$INPUT_RULES"
value select "$INPUT_SELECT"
value ignore "$INPUT_IGNORE"
value pod-security-version "$INPUT_POD_SECURITY_VERSION"
value fail-on "$INPUT_FAIL_ON"
value baseline "$INPUT_BASELINE"
value since "$INPUT_SINCE"
value base "$INPUT_BASE"
value advisories "$INPUT_ADVISORIES"
value advisories-max-age "$INPUT_ADVISORIES_MAX_AGE"
value kubernetes-version "$INPUT_KUBERNETES_VERSION"
value vex "$INPUT_VEX"
value osv-url "$INPUT_OSV_URL"
switch online "$INPUT_ONLINE"
each_line image-archive "$INPUT_IMAGE_ARCHIVE"
value platform "$INPUT_PLATFORM"
each_line subject "$INPUT_SUBJECT"
each_line glob "$INPUT_GLOB"
each_line checksums "$INPUT_CHECKSUMS"
value key "$INPUT_KEY"
switch keyless "$INPUT_KEYLESS"
value trust-config "$INPUT_TRUST_CONFIG"
switch allow-empty "$INPUT_ALLOW_EMPTY"

stop=ci-guard-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
status=0
echo "::stop-commands::$stop"
{
  cd -- "${INPUT_WORKING_DIRECTORY:-.}" && "$PYTHON" -I -m ci_guard run "${args[@]}" -- "${INPUT_PATH:-.}"
} || status=$?
echo "::$stop::"
case $status in
  0) echo "Findings and the verdict are in the step that decides." ;;
  2) echo "::error title=ci-guard::An input or the configuration is wrong; the log of this step says which." ;;
  *) echo "::error title=ci-guard could not judge::Something failed; the log says what. This is neither a pass nor a fail." ;;
esac
exit "$status"
