#!/bin/bash
# Whether an image is what the chart and the compose file expect of it: docker/test-image.sh IMAGE APP
set -euo pipefail
image=$1 app=$2

run() { docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp "$@"; }
fail() { echo "$image: $1" >&2; exit 1; }

[ "$(run --entrypoint id "$image" -u)" = 1000 ] || fail 'does not run as uid 1000'
! run --entrypoint sh "$image" -c 'command -v npm' || fail 'holds npm'

# The app itself, up to the settings that it refuses.
status=0
output=$(run --env LOG_LEVEL=loud --env DB_PORT=none "$image" 2>&1) || status=$?
[ "$status" = 2 ] || fail "ended with $status instead of 2: $output"
grep -Eq 'LOG_LEVEL|DB_PORT' <<<"$output" || fail "does not name what is wrong: $output"

if run --entrypoint sh "$image" -c 'command -v semgrep' >/dev/null; then
  for tool in semgrep trivy trufflehog scancode; do
    run --entrypoint "$tool" "$image" --version >/dev/null || fail "has no $tool that works"
  done
  run --entrypoint git "$image" --version >/dev/null || fail 'has no git'
elif [ "$app" = apps/runner ]; then
  fail 'has no scanners'
fi
echo "$image: ok"
