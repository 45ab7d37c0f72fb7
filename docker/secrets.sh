#!/bin/sh
# Draws the secrets of docker/compose.yaml into docker/.env, once: whoever has them has the data.
set -eu
cd "$(dirname "$0")"
[ ! -e .env ] || exit 0
umask 077
for name in OWNER_PASSWORD ORCHESTRATOR_PASSWORD STORAGE_PASSWORD STORAGE_SIGNING_KEY SECRET_HASH_KEY; do
  echo "$name=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
done >.env
