#!/bin/bash
# Writes the checksums that the projects published with the versions in tools.env into it. Look at the change before you
# commit it: whoever reviews it trusts the release.
#
#   docker/runner/pin.sh            tools.env
#   docker/runner/pin.sh python     semgrep.txt and scancode.txt from the versions in *.in (needs pip-compile, of pip-tools)
set -euo pipefail
cd "$(dirname "$0")"

if [ "${1:-}" = python ]; then
  for tool in semgrep scancode; do
    pip-compile --quiet --upgrade --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-trusted-host --strip-extras \
      --output-file "$tool.txt" "$tool.in"
  done
  exit 0
fi

. ./tools.env
. ./releases.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in trivy trufflehog; do
  base=${tool}_base checksums=${tool}_checksums
  curl --fail --silent --show-error --location --output "$work/$tool" "${!base}/${!checksums}"
  for arch in amd64 arm64; do
    archive=$("${tool}_archive" "$arch")
    sum=$(awk -v name="$archive" '$2 == name { print $1 }' "$work/$tool")
    [[ $sum =~ ^[0-9a-f]{64}$ ]] || { echo "pin.sh: ${!checksums} has no checksum of $archive" >&2; exit 1; }
    sed -i "s/^${tool^^}_SHA256_${arch^^}=.*/${tool^^}_SHA256_${arch^^}=$sum/" tools.env
  done
done
