# raceday-fetcher: `run` (the daemon) and `migrate`; and raceday-live, the hub. Build context: the repository.

ARG RUST_IMAGE=rust:1.95.0-trixie

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
# Concurrent builds take turns: one must not read a cache that another has half written.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --release --locked --package raceday-fetcher --package raceday-live \
    && cp target/release/raceday-fetcher target/release/raceday-live /usr/local/bin/

FROM debian:13.7-slim
# wget is for the health check.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home raceday \
    && install -d -o raceday -g raceday /var/lib/raceday/spool /var/lib/raceday/archive
COPY --from=build /usr/local/bin/raceday-fetcher /usr/local/bin/raceday-live /usr/local/bin/
USER raceday
VOLUME /var/lib/raceday/spool /var/lib/raceday/archive
EXPOSE 9464 9470
ENTRYPOINT ["raceday-fetcher"]
CMD ["run"]
