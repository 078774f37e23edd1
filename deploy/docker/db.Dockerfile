# PostgreSQL 18 with pg_partman and pg_raceday_ext. Build context: the repository.
# The builder is the runtime image plus Rust from the official image, so that both link against the same libraries.

ARG POSTGRES_IMAGE=postgres:18.6-trixie
ARG RUST_IMAGE=rust:1.95.0-trixie

FROM ${RUST_IMAGE} AS rust

FROM ${POSTGRES_IMAGE} AS build
COPY --from=rust /usr/local/rustup /usr/local/rustup
COPY --from=rust /usr/local/cargo /usr/local/cargo
ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:$PATH
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential ca-certificates libclang-dev pkg-config postgresql-server-dev-18 \
    && rm -rf /var/lib/apt/lists/*
RUN cargo install --locked --no-default-features cargo-pgrx@0.18.1 && cargo pgrx init --pg18=/usr/lib/postgresql/18/bin/pg_config
WORKDIR /src
COPY . .
# The cache holds built dependencies. The workspace's own crates are removed from it first: cargo compares times, and a file of
# the checkout may be older than what an earlier build left there. Concurrent builds take turns: one must not read a cache that
# another has half written. The control file and the scripts keep the checkout's modes, which the server may be unable to read.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo clean --release --workspace \
    && cargo pgrx package --package pg_raceday_ext --pg-config /usr/lib/postgresql/18/bin/pg_config --out-dir /extension \
    && chmod -R a+rX /extension

FROM ${POSTGRES_IMAGE} AS db
# Versions before 5.5.0 have known vulnerabilities.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-18-partman \
    && rm -rf /var/lib/apt/lists/* \
    && partman="$(dpkg-query --show --showformat '${Version}' postgresql-18-partman)" \
    && dpkg --compare-versions "$partman" ge 5.5.0
COPY --from=build /extension/usr/ /usr/
COPY --chmod=644 deploy/docker/postgresql.conf /etc/raceday/postgresql.conf
USER postgres
CMD ["postgres", "-c", "config_file=/etc/raceday/postgresql.conf"]
