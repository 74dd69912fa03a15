#!/bin/sh
# Build the image and try it, where need be without a container engine and without a registry.
#
# - An engine: docker or podman if one works; else Debian's podman is installed, given root and apt.
# - A base: the one the Dockerfile names; if no registry answers, a minimal Debian with the same
#   Python. It is made once and stays in the engine's storage, as the layers of the build do.
# - Then container/build.sh, which gets the arguments, and container/check.py.
#
# `docker rmi` (podman, likewise) shim-test and localhost/shim-base:bookworm frees the disk again.
set -eu
cd "$(dirname "$0")/.."

install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Needed here: $*; only root on a Debian machine can install them." >&2
        exit 1
    fi
    echo "Installing Debian's packages $* …"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
}

standin() { # NAME OF THE IMAGE
    command -v debootstrap >/dev/null || install debootstrap
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
        'Origin: Debian' 'Codename: bookworm' 'Component: main' | head -n 1)
    mkdir -p build
    root=$(mktemp -d build/base.XXXXXX)
    trap 'rm -rf --one-file-system "$root"' EXIT INT TERM
    echo "No registry answers: making a stand-in for the base image, which takes two minutes …"
    # A mount namespace of its own: what debootstrap mounts goes when it goes.
    unshare --mount debootstrap --variant=minbase --include=python3-venv,ca-certificates \
        bookworm "$root" "$mirror" >build/debootstrap.log 2>&1 ||
        { tail build/debootstrap.log >&2; exit 1; }
    tar -C "$root" -c . | "$ENGINE" import - "$1" >>build/debootstrap.log 2>&1
}

if ! ENGINE=$(container/engine.sh docker podman 2>/dev/null); then
    install podman runc
    ENGINE=podman
fi
export ENGINE

base=$(sed -n 's/^ARG BASE=//p' Dockerfile)
if ! "$ENGINE" pull --quiet "$base" >/dev/null 2>&1; then
    base=localhost/shim-base:bookworm
    "$ENGINE" image inspect "$base" >/dev/null 2>&1 || (standin "$base")
fi
if [ "$ENGINE" = podman ] && ! podman run --rm "$base" true >/dev/null 2>&1; then
    command -v runc >/dev/null || install runc
    export CONTAINERS_CONF="$PWD/container/confined.conf"
fi

# A tag moves: say which image it was.
digests=$("$ENGINE" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$base")
echo "base: $base, ${digests:-of no known digest}"
echo "Building with $ENGINE …"
mkdir -p build
IMAGE=shim-test container/build.sh --network host --build-arg "BASE=$base" "$@" >build/image.log 2>&1 ||
    { tail -n 40 build/image.log >&2; exit 1; }
# What this build superseded.
"$ENGINE" image prune --force --filter label=org.opencontainers.image.title=Shim >/dev/null
.venv/bin/python container/check.py "$ENGINE" shim-test
