#!/usr/bin/env bash
# Copies what this machine needs to reach its mirrors into FOLDER, for stand-ins of base images only: machine.sh FOLDER
set -euo pipefail
folder=$1
mkdir -p "$folder/etc/apt/apt.conf.d" "$folder/etc/ssl/certs"
grep -rlsE 'Acquire|Proxy' /etc/apt/apt.conf.d | while read -r file; do
    install -m 644 "$file" "$folder/etc/apt/apt.conf.d"
done
echo 'Acquire::Check-Valid-Until "false";' > "$folder/etc/apt/apt.conf.d/99-snapshot"
install -m 644 /etc/ssl/certs/ca-certificates.crt "$folder/etc/ssl/certs"
chmod -R a+rX "$folder"
