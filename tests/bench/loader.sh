#!/bin/sh
# Images per second that one core turns from JPEG into training images:  tests/bench/loader.sh [FOLDER] [--help]
#
# The steps are those of services/loader: decode, centre crop, antialiased resize, random flip and jitter, floats in -1..1.
# They are compared, on the same bytes in memory, with libjpeg-turbo's plain decoding of the whole image with its defaults,
# and with torchvision's transforms over Pillow (Debian's python3-torchvision), which do the same work.
# Without FOLDER it draws 200 procedural faces of CelebA's 178x218 pixels.
set -eu
python=${PYTHON:-/usr/bin/python3} # where Debian's python3-torchvision is
command -v "$python" >/dev/null || { echo "loader: $python is missing: install python3-torchvision" >&2; exit 1; }
exec "$python" "$(dirname "$0")/loader.py" "$@"
