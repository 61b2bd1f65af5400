#!/bin/sh
# install.sh [PACKAGE...]: installs what building, running and testing need, and these, from Debian's own packages (12 or 13). What is
# there is left alone. With the variable DEB_HOST_ARCH, such as arm64, it installs what building for that processor needs: the cross
# compiler and that processor's libraries (see cross.cmake). Many of them exclude this machine's own, so do that in a container.
set -eu

packages="gcc g++ cmake ninja-build ccache pkg-config git dpkg-dev file protobuf-compiler protobuf-c-compiler
libjs-chart.js help2man curl python3-zmq python3-protobuf python3-xxhash python3-numpy python3-pil python3-yaml
python3-pip python3-venv python3-setuptools python3-wheel $*"
libraries="libzmq3-dev libczmq-dev libprotobuf-c-dev libmicrohttpd-dev libdnnl-dev libopenblas-openmp-dev libfaiss-dev liblmdb-dev
libfyaml-dev libjansson-dev libxxhash-dev libjpeg-dev libpng-dev libwebp-dev libarchive-dev libisal-dev libsodium-dev libcmocka-dev"

foreign=${DEB_HOST_ARCH:-}
[ "$foreign" != "$(dpkg --print-architecture)" ] || foreign=
[ -z "$foreign" ] || packages="$packages crossbuild-essential-$foreign"
for library in $libraries; do packages="$packages $library${foreign:+:$foreign}"; done

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
[ -z "$foreign" ] || $root dpkg --add-architecture "$foreign"
$root apt-get update -q
# shellcheck disable=SC2086  # a list of names
$root apt-get install -y -q --no-remove --no-install-recommends $missing
