#!/bin/bash
# Starts PostgreSQL as the official image documents it: creates the cluster and the database first.
set -euo pipefail
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    # shellcheck disable=SC2086
    initdb --username postgres --pwfile <(echo "$POSTGRES_PASSWORD") $POSTGRES_INITDB_ARGS
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    # This server listens only on its socket.
    pg_ctl --wait --options "-c listen_addresses=''" start
    createdb --username postgres "$POSTGRES_DB"
    pg_ctl --wait --mode fast stop
fi
exec "$@"
