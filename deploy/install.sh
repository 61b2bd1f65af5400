#!/bin/sh
# install.sh [PACKAGE...]: installs what building, running and testing need, and these, from Debian 12's own packages. What is
# there is left alone.
set -eu

packages="gcc g++ cmake ninja-build ccache pkg-config git dpkg-dev file protobuf-compiler protobuf-c-compiler
libzmq3-dev libczmq-dev libprotobuf-c-dev libmicrohttpd-dev libdnnl-dev libopenblas-openmp-dev libfaiss-dev liblmdb-dev libfyaml-dev
libjansson-dev libxxhash-dev libjpeg-dev libpng-dev libwebp-dev libsodium-dev libcmocka-dev
libjs-chart.js curl python3-zmq python3-protobuf python3-xxhash $*"

missing=
for package in $packages; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
if [ -z "$missing" ]; then
    echo "install: nothing is missing"
    exit 0
fi
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install: needs root to install:$missing" >&2; exit 1; }
    root=sudo
fi
echo "install:$missing"
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -q
# shellcheck disable=SC2086  # a list of names
$root apt-get install -y -q --no-install-recommends $missing
