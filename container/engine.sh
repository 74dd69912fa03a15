#!/bin/sh
# Print the first container engine that is here and works, of those named as arguments.
# ENGINE=podman takes that one unseen.
set -eu

if [ -n "${ENGINE:-}" ]; then
    echo "$ENGINE"
    exit
fi
for engine in "$@"; do
    # A client without a server behind it fails here.
    if command -v "$engine" >/dev/null && "$engine" info >/dev/null 2>&1; then
        echo "$engine"
        exit
    fi
done
echo "No container engine works here; tried: $*" >&2
exit 1
