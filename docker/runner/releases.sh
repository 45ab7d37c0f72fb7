# shellcheck shell=bash disable=SC2034
# Where the programs of tools.env are released. Sourced by pin.sh and install-tools.sh.

trivy_base="https://github.com/aquasecurity/trivy/releases/download/v$TRIVY_VERSION"
trivy_checksums="trivy_${TRIVY_VERSION}_checksums.txt"
trivy_archive() {
  case $1 in amd64) echo "trivy_${TRIVY_VERSION}_Linux-64bit.tar.gz" ;; arm64) echo "trivy_${TRIVY_VERSION}_Linux-ARM64.tar.gz" ;; esac
}

trufflehog_base="https://github.com/trufflesecurity/trufflehog/releases/download/v$TRUFFLEHOG_VERSION"
trufflehog_checksums="trufflehog_${TRUFFLEHOG_VERSION}_checksums.txt"
trufflehog_archive() {
  echo "trufflehog_${TRUFFLEHOG_VERSION}_linux_$1.tar.gz"
}
