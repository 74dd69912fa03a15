# An image that runs `shim serve` as a user of its own, and on a read-only root if asked to.
#
# CPU:     make image
# NVIDIA:  make image IMAGE_FLAGS="--build-arg FLAVOUR=cuda \
#            --build-arg BASE=docker.io/nvidia/cuda:12.9.1-runtime-ubuntu24.04"
#          This adds vLLM, whose wheels bring CUDA 13 along; CUDA 12's cuBLAS, for CTranslate2, comes
#          with the base, which has to offer Python 3.12 through apt. Unlike the CPU flavour it is
#          not built by `make image-test`.
# Ray:     make image IMAGE_FLAGS="--build-arg FLAVOUR=ray": the CPU image with Ray, for a cluster. The
#          CUDA flavour has Ray too.
# Models:  make image IMAGE_FLAGS="--build-arg MODELS=small" bakes in what `shim pull small` fetches:
#          the container then answers without a network, and needs no configuration.
#
# What is written at run time lies under /tmp (uploads spool there) and /cache (downloaded models).
# Without SHIM_API_KEYS the server refuses to start; SHIM_ALLOW_KEYLESS=true overrules that.

# A tag moves. Who has a registry at hand pins what it means today:
#   docker buildx imagetools inspect docker.io/library/python:3.11-slim-bookworm    (the digest)
#   make image IMAGE_FLAGS="--build-arg BASE=docker.io/library/python@sha256:…"
# No digest stands here, as none could be verified where this was written.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG FLAVOUR=cpu
ARG MODELS

FROM ${BASE} AS base
ARG FLAVOUR
# Triton, below vLLM, compiles its launchers at run time: a compiler and Python's headers.
RUN case "${FLAVOUR}" in \
        cpu|ray) ;; \
        cuda) apt-get update \
            && apt-get install -y --no-install-recommends python3-venv python3-dev g++ \
            && rm -rf /var/lib/apt/lists/* ;; \
        *) echo "FLAVOUR is cpu, ray or cuda, not ${FLAVOUR}" >&2; exit 1 ;; \
    esac

FROM base AS dependencies
ARG FLAVOUR
# The pip that installs stays behind, so that the image has none.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/shim
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_PROGRESS_BAR=off
WORKDIR /src
COPY requirements/installer.txt requirements/base.txt requirements/ray.txt \
    requirements/vllm-cuda.txt ./
# The secrets are the host's pip configuration and certificates, see container/build.sh; both may
# be missing.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    case "${FLAVOUR}" in cpu) list=base.txt ;; ray) list=ray.txt ;; cuda) list=vllm-cuda.txt ;; esac \
    && /opt/pip/bin/pip install --require-hashes -r installer.txt \
    && /opt/pip/bin/pip --python /opt/shim/bin/python3 install --require-hashes -r "${list}"

FROM dependencies AS package
COPY pyproject.toml README.md LICENSE ./
COPY shim shim
COPY backends backends
COPY evals evals
# Nothing is fetched here: setuptools came with the installer, the dependencies with the list.
RUN /opt/pip/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/pip/bin/pip --python /opt/shim/bin/python3 install --no-index --no-deps \
        --ignore-installed --prefix /opt/package /wheels/*.whl

FROM dependencies AS models
ARG MODELS
COPY --from=package /opt/package /opt/shim
# pip knows the default index.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/run/secrets/ca.crt \
    mkdir /opt/shim-cache && if [ -n "${MODELS}" ]; then \
        export PYTHONPATH="$(echo /opt/pip/lib/python3*/site-packages)"; \
        SHIM_CACHE=/opt/shim-cache /opt/shim/bin/shim pull ${MODELS} && rm -rf /opt/shim-cache/downloads; \
    fi

FROM base
RUN groupadd --gid 10001 shim \
    && useradd --uid 10001 --gid shim --home-dir /cache --no-create-home shim \
    && install -d -o shim -g shim /cache
COPY --from=dependencies /opt/shim /opt/shim
COPY --from=models /opt/shim-cache /opt/shim-cache
# A layer of its own: it is small, and the only one that a change of the sources changes.
COPY --from=package /opt/package /opt/shim
# HOME, because engines keep compiled kernels under ~/.cache.
# SHIM_CACHE, because a volume at /cache would hide models that are baked in.
# SHIM_HOST and not a flag, so that `docker run IMAGE serve --model …` is reachable too.
ARG MODELS
ARG BAKED=${MODELS:+/opt/shim-cache}
ENV PATH=/opt/shim/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    HOME=/cache \
    SHIM_CACHE=${BAKED:-/cache} \
    HF_HOME=/cache/huggingface \
    SHIM_HOST=0.0.0.0 \
    SHIM_PORT=8000
# By number: an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /cache
VOLUME /cache
EXPOSE 8000
STOPSIGNAL SIGTERM
# Nothing listens until every model is open: a large one may take minutes.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10m CMD ["python3", "-c", "\
import http.client, os, sys; \
c = http.client.HTTPConnection('127.0.0.1', int(os.environ['SHIM_PORT']), timeout=4); \
c.request('GET', '/health'); \
sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["shim"]
CMD ["serve"]
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Shim" \
      org.opencontainers.image.description="OpenAI's API in front of models on your own machines" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
