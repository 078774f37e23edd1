#!/bin/sh
# Writes rate_limit_exempt.conf, the addresses and networks of RACEDAY_RATE_LIMIT_EXEMPT as nginx's geo reads them. It runs
# before the templates are filled in: nginx cannot split a setting. nginx itself then refuses what is no address or network.
set -euf
cd "${NGINX_ENVSUBST_OUTPUT_DIR:-.}"
list=
for network in $(printf %s "${RACEDAY_RATE_LIMIT_EXEMPT:-}" | tr ',' ' '); do
    case $network in
        *[!0-9A-Fa-f.:/]*)
            echo "RACEDAY_RATE_LIMIT_EXEMPT: '$network' is no address or network (such as 10.0.0.0/8); separate them by commas" >&2
            exit 1
            ;;
    esac
    list="$list$network yes;
"
done
printf %s "$list" > rate_limit_exempt.conf
