#!/bin/bash
# Installs the programs of tools.env: install-tools.sh amd64|arm64 FOLDER
set -euo pipefail
arch=$1 folder=$2
cd "$(dirname "$0")"
. ./tools.env
. ./releases.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in trivy trufflehog; do
  base=${tool}_base checksum=${tool^^}_SHA256_${arch^^}
  archive=$("${tool}_archive" "$arch")
  if [ -z "${!checksum:-}" ]; then
    echo "install-tools.sh: $checksum is empty in docker/runner/tools.env; run docker/runner/pin.sh and commit what it writes" >&2
    exit 1
  fi
  curl --fail --silent --show-error --location --output "$work/$archive" "${!base}/$archive"
  echo "${!checksum}  $work/$archive" | sha256sum --check --quiet -
  tar --extract --gzip --file "$work/$archive" --directory "$folder" --no-same-owner "$tool"
done
