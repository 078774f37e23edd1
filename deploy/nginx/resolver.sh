#!/bin/sh
# Writes resolver.conf, the nameservers of /etc/resolv.conf as nginx reads them: nginx itself does not read that file. Without
# any it is this machine, as for the C library. In Docker's network a name is valid for ten minutes; its address is not.
set -euf
cd "${NGINX_ENVSUBST_OUTPUT_DIR:-.}"
servers=$(awk '$1 == "nameserver" && $2 !~ /%/ { printf "%s ", ($2 ~ /:/ ? "[" $2 "]" : $2) }' /etc/resolv.conf)
echo "resolver ${servers:-127.0.0.1 }valid=2s; resolver_timeout 2s;" > resolver.conf
