# The embedded profile in one image: both roles, no model download, no torch.
#   docker build -t precis .
#   docker run --rm -p 8080:8080 --read-only --tmpfs /tmp precis

FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
COPY requirements-embedded.txt /build/
# Installed to a folder, so that neither pip nor a compiler is in what runs. Compiled here, for the root is read-only there.
RUN pip install -q --upgrade "pip>=26.3" \
 && pip install -q --no-compile --target /packages -r /build/requirements-embedded.txt \
 && python -m compileall -q -j 0 /packages
WORKDIR /build
COPY service/__init__.py service/config.py service/config_serving.py service/
COPY scripts/__init__.py scripts/apertium_packages.py scripts/
RUN PYTHONPATH=/packages python -m scripts.apertium_packages > /build/apertium-packages

FROM python:3.11-slim-bookworm AS all
LABEL org.opencontainers.image.title="precis" \
      org.opencontainers.image.description="Multilingual summarization microservice" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
COPY --from=packages /build/apertium-packages /tmp/
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends tini $(cat /tmp/apertium-packages) \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log /tmp/* \
 && groupadd --gid 10001 precis \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin precis
COPY --from=packages /packages /usr/local/lib/python3.11/site-packages
COPY LICENSE /app/
COPY service /app/service
RUN python -m compileall -q /app/service
WORKDIR /app
# /tmp is the only folder written to.
ENV PYTHONUNBUFFERED=1 \
    PRECIS_HOST=0.0.0.0 \
    PRECIS_PORT=8080 \
    PRECIS_MANAGEMENT_PORT=8081 \
    PRECIS_RUNTIME_DIR=/tmp/precis
EXPOSE 8080 8081
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PRECIS_MANAGEMENT_PORT'] + '/livez', timeout=2)"]
# tini buries translation pipelines whose parent was killed; as process 1 Python would keep them as zombies.
ENTRYPOINT ["tini", "--", "python", "-m", "service.cli"]
CMD ["serve"]
