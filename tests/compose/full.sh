#!/usr/bin/env bash
# Builds every image completely, on stand-ins of the base images, and prints times and sizes: full.sh WORK BASE_TAR POSTRUST
set -euo pipefail
work=$1
"$(dirname "$0")/project.sh" "$@"
cd "$work/raceday"
# There is no network of containers, only the machine's.
{
    echo services:
    docker compose --env-file deploy/demo.env config --format json \
        | python3 -c 'import json, sys
for name, service in json.load(sys.stdin)["services"].items():
    if "build" in service: print(f"  {name}: {{build: {{network: host}}}}")'
} > "$work/network.yml"
for service in db fetcher live simulator nginx postgrest prometheus grafana postgres-exporter blackbox-exporter; do
    started=$SECONDS
    docker compose --env-file deploy/demo.env --file docker-compose.yml --file "$work/network.yml" build "$service"
    image=$(docker compose --env-file deploy/demo.env config --format json \
        | python3 -c "import json, sys; print(json.load(sys.stdin)['services']['$service']['image'])")
    size=$(docker image inspect --format '{{.Size}}' "$image")
    echo "built $service in $((SECONDS - started)) s, $((size / 1000000)) MB"
done
