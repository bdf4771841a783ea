# Four images from one file; without --target it builds `all`.
#   docker build -t precis .                            both roles, Apertium and extractive summaries, no download at run time
#   docker build -t precis-api --target api .           the roles `api` and `worker`: no torch, no engine
#   docker build -t precis-model --target model .       neural models on CPUs, with all of the above
#   docker build -t precis-model --target model-cuda .  the same on NVIDIA GPUs
# Build arguments and how to run what comes out: docs/IMAGES.md.

# Give name@sha256:... for a build that is the same on every day.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown

# ---- what is copied into the images ---------------------------------------------------------------------------------

FROM ${PYTHON_IMAGE} AS build
# Bytecode that no clock and no hash seed is in.
ENV LC_ALL=C.UTF-8 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_ROOT_USER_ACTION=ignore \
    PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
COPY scripts/image_files.py /build/

# The interpreter without pip and what nobody imports here.
FROM build AS python
RUN python /build/image_files.py interpreter /runtime/usr/local

FROM build AS api-packages
COPY requirements-api.lock /build/
RUN pip install -q --require-hashes --no-deps --only-binary :all: --target /packages -r /build/requirements-api.lock \
 && python /build/image_files.py packages /packages

FROM build AS embedded-packages
COPY requirements-embedded.lock /build/
RUN sed -i '/^-r /d' /build/*.lock \
 && pip install -q --require-hashes --no-deps --only-binary :all: --target /packages -r /build/requirements-embedded.lock \
 && python /build/image_files.py packages /packages

FROM build AS neural-packages
COPY requirements.lock /build/
RUN sed -i '/^-r /d' /build/*.lock \
 && pip install -q --require-hashes --no-deps --only-binary :all: --target /packages -r /build/requirements.lock \
 && python /build/image_files.py packages /packages

# PyTorch's builds for CPUs are in an index of their own and not in the lock: the same release has other files there.
# TORCH_SHA256 holds the one of your platform fast. Empty TORCH_INDEX: wherever pip is set up to look.
FROM build AS torch-cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH_SHA256=
COPY requirements.txt /build/
RUN pin=$(grep '^torch==' /build/requirements.txt) \
 && echo "$pin ${TORCH_SHA256:+--hash=sha256:$TORCH_SHA256}" > /build/torch.txt \
 && PIP_EXTRA_INDEX_URL="$TORCH_INDEX" pip install -q --no-deps --only-binary :all: --target /packages -r /build/torch.txt \
 && python /build/image_files.py torch /packages

FROM build AS torch-cuda
COPY requirements-cuda.lock /build/
RUN sed -i '/^-r /d' /build/*.lock \
 && pip install -q --require-hashes --no-deps --only-binary :all: --target /packages -r /build/requirements-cuda.lock \
 && python /build/image_files.py packages /packages

# The decode step in C. Its name is the digest of its sources, by which the service finds it.
FROM build AS step
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
COPY service/engines/seq2seq/native /build/native
RUN mkdir /step && python /build/native/build.py /step && chmod -R a+rX /step \
 && find /step -exec touch -d @0 {} +

FROM build AS apertium
WORKDIR /build
COPY --from=api-packages /packages /packages
COPY service/__init__.py service/config.py service/config_jobs.py service/config_serving.py service/addresses.py service/
COPY scripts/__init__.py scripts/apertium_packages.py scripts/
RUN PYTHONPATH=/packages python -m scripts.apertium_packages > apertium-packages

FROM build AS code
# The time that our files get; those of packages are from 1970.
ARG SOURCE_DATE_EPOCH=0
COPY service /app/service
COPY LICENSE /app/
RUN python /build/image_files.py code /app

# ---- what changes rarely: everything but our code -------------------------------------------------------------------

FROM ${DEBIAN_IMAGE} AS base
# Versions of Debian's packages are those of the day: a pinned one is gone with the next security update.
# hadolint global ignore=DL3008
# tini buries processes whose parent was killed; as process 1 Python would keep them as zombies.
# No file changes its user: nobody here is to become another.
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
      ca-certificates libbz2-1.0 libexpat1 libffi8 liblzma5 libsqlite3-0 libssl3 libuuid1 tini zlib1g \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/cache/ldconfig /var/log/* /var/lib/dpkg/*-old \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && echo 'precis:x:10001:' >> /etc/group \
 && echo 'precis:x:10001:10001::/nonexistent:/usr/sbin/nologin' >> /etc/passwd \
 && install -d -o 10001 -g 10001 /models
COPY --from=python /runtime /
RUN ldconfig && rm -rf /var/cache/ldconfig && python /usr/local/lib/check_interpreter.py && rm /usr/local/lib/check_interpreter.py
WORKDIR /app
# /tmp is the only folder written to, and /models where it is mounted.
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
    LANG=C.UTF-8 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/app \
    HOME=/tmp \
    XDG_STATE_HOME=/tmp/state \
    PRECIS_HOST=0.0.0.0 \
    PRECIS_PORT=8080 \
    PRECIS_MANAGEMENT_PORT=8081 \
    PRECIS_RUNTIME_DIR=/tmp/precis
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-S", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PRECIS_MANAGEMENT_PORT'] + '/livez', timeout=2)"]
ENTRYPOINT ["tini", "--", "python", "-m", "service.cli"]

FROM base AS api-base
COPY --from=api-packages /packages /usr/local/lib/python3.11/site-packages

FROM api-base AS embedded-base
COPY --from=apertium /build/apertium-packages /tmp/
# hadolint ignore=SC2046
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(cat /tmp/apertium-packages) \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/cache/ldconfig /var/log/* /var/lib/dpkg/*-old /tmp/* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=embedded-packages /packages /usr/local/lib/python3.11/site-packages

FROM embedded-base AS neural-base
COPY --from=neural-packages /packages /usr/local/lib/python3.11/site-packages
# `precis models pull` writes there.
ENV PRECIS_MODELS_DIR=/models \
    HF_HUB_DISABLE_TELEMETRY=1
EXPOSE 50051

# ---- the images -----------------------------------------------------------------------------------------------------

FROM api-base AS api
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="precis-api" \
      org.opencontainers.image.description="Multilingual summarization microservice: HTTP and jobs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=code /app /app
USER 10001:10001
CMD ["serve", "--role", "api"]

FROM neural-base AS model
COPY --from=torch-cpu /packages /usr/local/lib/python3.11/site-packages
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="precis-model" \
      org.opencontainers.image.description="Multilingual summarization microservice: models on CPUs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
ENV PRECIS_PROFILE=cpu
COPY --from=code /app /app
COPY --from=step /step /app/service/engines/seq2seq/native
USER 10001:10001
CMD ["serve", "--role", "model"]

FROM neural-base AS model-cuda
COPY --from=torch-cuda /packages /usr/local/lib/python3.11/site-packages
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="precis-model-cuda" \
      org.opencontainers.image.description="Multilingual summarization microservice: models on NVIDIA GPUs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
# Read by NVIDIA's container runtime: which devices it lends and which of its libraries it mounts.
ENV PRECIS_PROFILE=gpu \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=code /app /app
COPY --from=step /step /app/service/engines/seq2seq/native
USER 10001:10001
CMD ["serve", "--role", "model"]

FROM embedded-base AS all
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="precis" \
      org.opencontainers.image.description="Multilingual summarization microservice" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=code /app /app
USER 10001:10001
CMD ["serve"]
