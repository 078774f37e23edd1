#!/bin/sh
# Runs before the image's start script fills in the templates: the files that are no templates go to the same folder, because
# nginx looks for included files there.
set -eu
mkdir -p "$NGINX_ENVSUBST_OUTPUT_DIR"
cp /etc/nginx/*.conf "$NGINX_ENVSUBST_OUTPUT_DIR"
