#!/bin/sh
# Starts nginx as the official image documents it: the executable scripts of /docker-entrypoint.d first.
set -e
for script in /docker-entrypoint.d/*.sh; do
    if [ -x "$script" ]; then
        "$script"
    else
        echo "ignoring $script, which is not executable"
    fi
done
exec "$@"
