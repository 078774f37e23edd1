#!/usr/bin/env bash
# Runs a command with a Docker engine of its own: engine.sh TREE DATA COMMAND...
# TREE has the engine's programs, DATA is the engine's folder. Network, processes and mounts are those of new namespaces, so
# nothing of the machine's own engine, ports or firewall is touched, and everything ends with this script.
# Exits with 75 if the engine does not start.
set -euo pipefail
if [ "${1:-}" != --inside ]; then
    # With RACEDAY_ENGINE_NETWORK=host, complete builds use the machine's network, and there is no network of containers.
    network=--net
    [ "${RACEDAY_ENGINE_NETWORK:-}" = host ] && network=
    exec unshare $network --mount --pid --fork --kill-child --mount-proc "$0" --inside "$@"
fi
tree=$(realpath "$2") data=$3
shift 3
libraries=$(find "$tree/usr/lib" -maxdepth 1 -name '*-linux-gnu')
export PATH="$tree/bin:$tree/usr/sbin:$tree/usr/bin:$tree/sbin:$tree/bin:$PATH"
export LD_LIBRARY_PATH="$libraries:${libraries/\/usr\/lib/\/lib}" XTABLES_LIBDIR="$libraries/xtables"
# The package leaves this link to dpkg's alternatives. Docker 20.10 mixes with the newer kind on some kernels.
mkdir -p "$tree/bin" "$data"
for name in iptables ip6tables; do
    ln -sf ../usr/sbin/xtables-legacy-multi "$tree/bin/$name"
done
# A container that mounts the machine's root folder wants it to be shared, here with nobody else.
mount --make-rshared /
state=$(mktemp -d)
options=()
if [ "${RACEDAY_ENGINE_NETWORK:-}" = host ]; then
    options=(--bridge none --iptables=false --ip6tables=false)
else
    ip link set lo up || exit 75
fi
dockerd --data-root "$data" --exec-root "$state/run" --pidfile "$state/pid" --host "unix://$state/docker.sock" "${options[@]}" \
    > "$data/engine.log" 2>&1 &
engine=$!
export DOCKER_HOST="unix://$state/docker.sock"
for _ in $(seq 150); do
    docker info > "$state/info" 2>&1 && break
    kill -0 "$engine" 2> /dev/null || break
    sleep 0.2
done
if ! docker info > "$state/info" 2>&1; then
    tail -n 5 "$data/engine.log"
    exit 75
fi
unset LD_LIBRARY_PATH XTABLES_LIBDIR
code=0
"$@" || code=$?
[ "$code" -ne 75 ] || code=1
# The engine would wait for each container to stop.
docker ps --quiet | xargs --no-run-if-empty docker kill > /dev/null || true
kill "$engine"
wait "$engine" || true
rm -rf "$state"
exit "$code"
