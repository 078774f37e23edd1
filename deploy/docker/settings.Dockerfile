# Images of others with the settings of this repository, readable for their users whatever the checkout's modes are.
# Build context: the repository.

ARG POSTGREST_IMAGE=postgrest/postgrest:v14.17
ARG PROMETHEUS_IMAGE=prom/prometheus:v3.5.0
ARG GRAFANA_IMAGE=grafana/grafana:12.1.1
ARG POSTGRES_EXPORTER_IMAGE=prometheuscommunity/postgres-exporter:v0.18.1
ARG BLACKBOX_EXPORTER_IMAGE=prom/blackbox-exporter:v0.27.0

FROM ${POSTGREST_IMAGE} AS postgrest
COPY --chmod=644 postgrest.conf /etc/postgrest.conf

FROM ${PROMETHEUS_IMAGE} AS prometheus
COPY --chmod=644 deploy/prometheus/prometheus.yml deploy/prometheus/rules.yml /etc/prometheus/

FROM ${GRAFANA_IMAGE} AS grafana
COPY --chmod=644 deploy/grafana/provisioning/dashboards/raceday.yml /etc/grafana/provisioning/dashboards/
COPY --chmod=644 deploy/grafana/provisioning/datasources/prometheus.yml /etc/grafana/provisioning/datasources/
COPY --chmod=644 deploy/grafana/dashboards/raceday.json /etc/grafana/dashboards/

FROM ${POSTGRES_EXPORTER_IMAGE} AS postgres-exporter
COPY --chmod=644 deploy/prometheus/postgres-exporter-queries.yaml /etc/postgres-exporter/queries.yaml

FROM ${BLACKBOX_EXPORTER_IMAGE} AS blackbox-exporter
COPY --chmod=644 deploy/prometheus/blackbox.yml /etc/blackbox.yml
