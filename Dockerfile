# One image for every role; the command says which. It runs as nobody in particular and
# writes to SIGNALBOX_HOME and /tmp alone, so that its root may be read-only.

FROM python:3.11-slim-bookworm AS build
# Debian keeps one version of a package only: a pinned one could not be had next month.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
COPY requirements/run.txt /tmp/run.txt
RUN /opt/venv/bin/pip install --no-cache-dir --no-input --require-hashes --no-deps \
    --requirement /tmp/run.txt \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 signalbox \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin signalbox \
    && install --directory --owner=10001 --group=10001 /var/lib/signalbox
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py LICENSE ./
COPY catalog catalog
COPY config config
COPY gateway gateway
COPY templates templates
COPY tenants tenants
COPY usage usage
COPY workflows workflows
RUN /opt/venv/bin/python -m compileall -q /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    SIGNALBOX_BIND=0.0.0.0 \
    SIGNALBOX_EMBEDDED=off \
    SIGNALBOX_HOME=/var/lib/signalbox
USER 10001:10001
VOLUME /var/lib/signalbox
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["python", "-m", "config.run", "--only", "web"]
