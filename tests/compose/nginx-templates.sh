#!/bin/sh
# Fills in the templates as the official image documents it: only the variables that the filter matches.
set -eu
names=$(env | sed 's/=.*//' | grep -E "${NGINX_ENVSUBST_FILTER:-}" | sed 's/.*/${&}/' | tr '\n' ' ')
for template in /etc/nginx/templates/*.template; do
    file=$(basename "$template" .template)
    envsubst "$names" < "$template" > "$NGINX_ENVSUBST_OUTPUT_DIR/$file"
done
