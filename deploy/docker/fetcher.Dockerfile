# The programs of the workspace: raceday-fetcher, raceday-live, and the TAB's simulator for the demo. Build context: the repository.

ARG RUST_IMAGE=rust:1.95.0-trixie
ARG DEBIAN_IMAGE=debian:13.7-slim

FROM ${RUST_IMAGE} AS build
ARG PROGRAMS="raceday-fetcher"
WORKDIR /src
COPY . .
# The cache holds built dependencies. The workspace's own crates are removed from it first: cargo compares times, and a file of
# the checkout may be older than what an earlier build left there. Concurrent builds take turns: one must not read a cache that
# another has half written.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo clean --release --workspace \
    && cargo build --release --locked $(printf -- "--package %s " $PROGRAMS) \
    && cd target/release && cp $PROGRAMS /usr/local/bin/

FROM ${DEBIAN_IMAGE} AS runtime
# wget is for the health check.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home raceday \
    && install -d -o raceday -g raceday /var/lib/raceday/spool /var/lib/raceday/archive
USER raceday

FROM runtime AS simulator
COPY --from=build /usr/local/bin/nztab-sim /usr/local/bin/
EXPOSE 9400
ENTRYPOINT ["nztab-sim"]
CMD ["serve"]

FROM runtime AS live
COPY --from=build /usr/local/bin/raceday-live /usr/local/bin/
EXPOSE 9470
ENTRYPOINT ["raceday-live"]

FROM runtime AS fetcher
COPY --from=build /usr/local/bin/raceday-fetcher /usr/local/bin/
EXPOSE 9464
ENTRYPOINT ["raceday-fetcher"]
CMD ["run"]
