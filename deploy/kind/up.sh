#!/bin/bash
# Builds the images, loads them into the kind cluster `cloudscan`, makes the Secrets where there are none, and installs the
# chart. Again after a change: the same.
set -euo pipefail
cd "$(dirname "$0")/../.."
cluster=cloudscan namespace=cloudscan tag=kind-$(date +%s)

kind get clusters | grep -qx "$cluster" || kind create cluster --config deploy/kind/cluster.yaml
kubectl config use-context "kind-$cluster" >/dev/null

# image, target, APP; runs use the built-in scanners, so that nothing needs to be pinned first.
while read -r image target app; do
  docker build --quiet --file docker/Dockerfile --target "$target" --build-arg "APP=$app" --tag "cloudscan/$image:$tag" .
  kind load docker-image --name "$cluster" "cloudscan/$image:$tag"
done <<'IMAGES'
migrations app migrations
storage app apps/storage
api-grpc app apps/api-grpc
api-http app apps/api-http
dispatcher app apps/dispatcher
sweeper app apps/sweeper
cleaner app apps/cleaner
runner local apps/runner
IMAGES

kubectl apply -f - <<NAMESPACE
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
NAMESPACE

secret() { # name, then key=value
  local name=$1
  shift
  kubectl -n "$namespace" get secret "$name" >/dev/null 2>&1 ||
    kubectl -n "$namespace" create secret generic "$name" "${@/#/--from-literal=}"
}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
secret cloudscan-database-owner username=cloudscan_owner "password=$(random)"
secret cloudscan-database-orchestrator username=cloudscan "password=$(random)"
secret cloudscan-database-storage username=cloudscan_artifacts "password=$(random)"
secret cloudscan-storage "signing-key=$(random)"
secret cloudscan-runner "SECRET_HASH_KEY=$(random)"

helm upgrade --install cloudscan deploy/chart/cloudscan --namespace "$namespace" \
  --values deploy/chart/cloudscan/values-kind.yaml --set "image.tag=$tag" --wait --wait-for-jobs --timeout 10m
