# Stand-ins of the base images, all made from one Debian system (base.sh). Build context: this folder.

FROM raceday-base AS debian
CMD ["bash"]

# Only for complete builds. Build context: also the machine's toolchain.
FROM debian AS rust
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make libc6-dev pkg-config git curl
COPY rustup /usr/local/rustup
RUN mkdir -p /usr/local/cargo/bin && ln -s /usr/local/rustup/bin/* /usr/local/cargo/bin/
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin

# As https://hub.docker.com/_/postgres documents it.
FROM debian AS postgres
RUN usermod --uid 999 postgres \
    && rm -rf /var/lib/postgresql && install -d -m 1777 -o postgres -g postgres /var/lib/postgresql
COPY --chmod=755 postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
ENV PGDATA=/var/lib/postgresql/18/docker LANG=C.UTF-8 PATH=/usr/lib/postgresql/18/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
EXPOSE 5432
CMD ["postgres"]

# As https://hub.docker.com/_/nginx documents it.
FROM debian AS nginx
RUN useradd --system --no-create-home nginx && rm -rf /etc/nginx/* && mkdir /docker-entrypoint.d
COPY --chmod=755 nginx-entrypoint.sh /docker-entrypoint.sh
COPY --chmod=755 nginx-templates.sh /docker-entrypoint.d/20-envsubst-on-templates.sh
ENTRYPOINT ["/docker-entrypoint.sh"]
STOPSIGNAL SIGQUIT
CMD ["nginx", "-g", "daemon off;"]

# postrust with PostgREST's command line.
FROM debian AS postgrest
COPY --chmod=755 postrust postgrest /usr/local/bin/
USER 1000
CMD ["postgrest"]

FROM debian AS prometheus
RUN install -d -o nobody -g nogroup /prometheus /etc/prometheus && rm -rf /etc/prometheus/*
USER nobody
WORKDIR /prometheus
VOLUME /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]

FROM debian AS postgres-exporter
USER nobody
ENTRYPOINT ["/usr/bin/prometheus-postgres-exporter"]

FROM debian AS blackbox-exporter
ENTRYPOINT ["/usr/bin/prometheus-blackbox-exporter"]

FROM debian AS node-exporter
USER nobody
ENTRYPOINT ["/usr/bin/prometheus-node-exporter"]

# A stub: Debian has no Grafana.
FROM debian AS grafana
RUN install -d -o 472 /var/lib/grafana && mkdir -p /srv/api && echo '{"database": "stub"}' > /srv/api/health
USER 472
CMD ["busybox", "httpd", "-f", "-p", "3000", "-h", "/srv"]
