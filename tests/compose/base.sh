#!/usr/bin/env bash
# Makes the Debian system that all base images are made from: base.sh TAR SUITE MIRROR
set -euo pipefail
tar=$1 suite=$2 mirror=$3
packages=(
    ca-certificates wget busybox-static gettext-base
    postgresql-18 postgresql-18-partman nginx
    prometheus prometheus-postgres-exporter prometheus-blackbox-exporter prometheus-node-exporter
)
# The lists of a mirror that is a snapshot are older than they say they are valid; they are signed all the same.
# Debian's package would create a cluster.
mmdebstrap --mode=root --variant=apt --format=tar \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --essential-hook='mkdir -p "$1/etc/postgresql-common"' \
    --essential-hook='echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"' \
    --include="$(IFS=,; echo "${packages[*]}")" \
    "$suite" "$tar" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main"
