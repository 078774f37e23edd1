# The database's image with Patroni. Build context: the repository. RACEDAY_DB_IMAGE is built by docker-compose.yml.

ARG RACEDAY_DB_IMAGE=raceday-db:0.3.0

FROM ${RACEDAY_DB_IMAGE}
COPY deploy/ha/requirements.txt /tmp/requirements.txt
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-pip \
    && python3 -m pip install --no-cache-dir --no-deps --target /opt/patroni --requirement /tmp/requirements.txt \
    && apt-get purge -y --auto-remove python3-pip \
    && rm -rf /var/lib/apt/lists/* /tmp/requirements.txt
ENV PYTHONPATH=/opt/patroni
COPY deploy/ha/patroni.yml /etc/patroni.yml
USER postgres
ENTRYPOINT []
CMD ["python3", "-m", "patroni", "/etc/patroni.yml"]
