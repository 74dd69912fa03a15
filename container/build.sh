#!/bin/sh
# Build the image with whatever is here: docker, podman or buildah. Arguments go to its `build`.
#
# The host's pip configuration (indexes, certificates) is lent to the build as secrets: it serves
# the steps that install, and neither the image nor its history knows of it.
set -eu
cd "$(dirname "$0")/.."
engine=$(container/engine.sh docker podman buildah)
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT INT TERM

# One `key = value` a line; what lies in local folders is of no use inside.
setting() {
    python3 -m pip config list 2>/dev/null |
        sed -n "s/\\\\n/ /g; s/^.*\.$1='\(.*\)'\$/\1/p" | tail -n 1 |
        tr ' ' '\n' | grep -v -e '^file:' -e '^$' | paste -s -d ' ' -
}

{
    echo "[global]"
    for key in index-url extra-index-url trusted-host proxy timeout; do
        value=$(setting $key)
        [ -z "$value" ] || echo "$key = $value"
    done
} >"$secrets/pip.conf"
bundle=$(setting cert)
if [ -n "$bundle" ]; then
    echo "cert = /run/secrets/ca.crt" >>"$secrets/pip.conf"
    set -- --secret "id=ca,src=$bundle" "$@"
fi
set -- --secret "id=pip,src=$secrets/pip.conf" "$@"

# OCI's own format has no health check.
[ "$engine" = docker ] || set -- --format docker "$@"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

DOCKER_BUILDKIT=1 "$engine" build --tag "${IMAGE:-shim}" \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" "$@" .
