#!/bin/sh
# Fills in the templates again, from the environment of `docker compose exec --env`, and reloads nginx if it accepts the result.
set -eu
for script in 15-resolver 16-rate-limit-exempt 20-envsubst-on-templates; do
    "/docker-entrypoint.d/$script.sh"
done
set -- nginx -e /dev/stderr -p /etc/nginx/ -c "$NGINX_ENVSUBST_OUTPUT_DIR/nginx.conf"
"$@" -t
"$@" -s reload
