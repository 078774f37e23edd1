#!/usr/bin/env bash
# Makes a clone of the repository under umask 077 in WORK/raceday, and stand-ins of the base images:
# project.sh WORK BASE_TAR POSTRUST [PROGRAMS PREFIX]
# PROGRAMS is a folder of built programs, PREFIX a PostgreSQL with the extension: the clone's Dockerfiles then need no compiler
# and no network. Without them they are complete.
set -euo pipefail
umask 077
work=$1 base=$2 postrust=$3 programs=${4:-} prefix=${5:-}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
origin=$work/origin
mkdir -p "$origin"
git -C "$root" ls-files -z --cached --others --exclude-standard \
    | (cd "$root" && while IFS= read -r -d '' file; do [ -e "$file" ] && printf '%s\0' "$file"; done) \
    | tar -C "$root" -c --null --files-from - \
    | tar -C "$origin" -x
if [ -n "$programs" ]; then
    for dockerfile in "$root"/deploy/docker/*.Dockerfile; do
        awk -f "$here/without_builds.awk" "$dockerfile" > "$origin/deploy/docker/$(basename "$dockerfile")"
    done
fi
git -C "$origin" init --quiet
git -C "$origin" add --all
git -C "$origin" -c user.name=tests -c user.email=tests@raceday.example commit --quiet --message 'Test Compose'
git clone --quiet "$origin" "$work/raceday"

export DOCKER_BUILDKIT=1
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
# The base images' system, with what makes its apt-get work here.
docker image inspect raceday-system > /dev/null 2>&1 || docker import "$base" raceday-system > /dev/null
system=$made/system
if [ -n "$programs" ]; then
    install -D -m 755 "$here/apt-get" "$system/usr/local/sbin/apt-get"
else
    "$here/machine.sh" "$system"
fi
printf 'FROM raceday-system\nCOPY . /\n' | docker build --quiet --tag raceday-base --file - "$system"

context=$made/standins
cp -r "$here" "$context"
install -m 755 "$postrust" "$context/postrust"
standins=(debian postgres postgrest nginx prometheus grafana postgres-exporter blackbox-exporter node-exporter)
if [ -n "$programs" ]; then
    # What the build stages make, at the same paths.
    build=$made/build
    extension=$build/extension/usr
    mkdir -p "$build/usr/local/bin" "$extension/lib/postgresql/18/lib" "$extension/share/postgresql/18/extension"
    find "$programs" -maxdepth 1 -type f \( -name raceday-fetcher -o -name raceday-live -o -name nztab-sim \) \
        -exec install -m 755 -t "$build/usr/local/bin" {} +
    find "$prefix" -name pg_raceday_ext.so -exec install -m 755 -t "$extension/lib/postgresql/18/lib" {} +
    find "$prefix" -path '*/extension/pg_raceday_ext*' -type f \
        -exec install -m 644 -t "$extension/share/postgresql/18/extension" {} +
    chmod -R a+rX "$build"
    printf 'FROM scratch\nCOPY . /\n' | docker build --quiet --tag build --file - "$build"
else
    standins+=(rust)
    cp -r "$(rustc --print sysroot)" "$context/rustup"
    rm -rf "$context/rustup/share"
fi
# Under the names of .env.example.
for name in "${standins[@]}"; do
    variable=$(echo "${name}_IMAGE" | tr 'a-z-' 'A-Z_')
    image=$(sed -n "s/^$variable=//p" "$root/.env.example")
    docker build --quiet --network host --file "$context/standins.Dockerfile" --target "$name" --tag "$image" "$context"
done
