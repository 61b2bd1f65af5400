#!/bin/sh
# Times a training iteration of stage 1, here and in PyTorch:  tests/bench/train_step.sh [--help]
#
# Each contestant is a process of its own that warms up, then computes one iteration whenever it is asked; the driver asks
# one after the other, round by round, so that all of them see the same machine. Both sides have 2 threads, the same
# networks (the numbers of parameters are compared), the same batch sizes, random images, clipped gradients, AdamW and
# averaged weights.
#
# What an iteration computes. Each side translates every image of the batch twice, to a sampled code (latent target) and
# to the code of another real image (reference target), reconstructs the images, translates every translation back, and
# has the losses of images, contents, codes, KL, real/fake and attributes.
#
#   PyTorch (torch_gmmunit.py)  updates D and G once per kind of target: two updates of D and two of G. `published` has the
#                               published code's schedule, with a graph of G in D's steps and encodings nobody reads, and
#                               translates again for every update; `lean` leaves out what changes no result. `joined` is
#                               RG-UNIT's schedule written in PyTorch: it shows what of a ratio is the engine's.
#   RG-UNIT (train_step.c)      with `targets: both` makes the same translations of the same images and joins them into one
#                               update of D and one of G: encodings, reconstruction and translations are made once and
#                               shared. It reads codes back from the latent translations and the reconstruction (isometry);
#                               the peer reads them from both translations back, and has no isometry.
#
# So a ratio is time per pass over the same images to the same targets, not per update: PyTorch makes twice as many.
# `targets: half`, which gives each image one of both targets, is shown and enters no ratio.
#
# The peer's BLAS is pinned to the kernels with which its published schedule is fastest on this machine, tried at the
# start of each setting. channels_last was never faster (Zen 4, Zen 5) and is not tried.
#
# A visit during which other processes used more than 8 % of a core is repeated, up to 4 times; the report says how many
# were discarded. Peak RSS is that of the whole process, for PyTorch with Python and its libraries.
set -eu
python=${PYTHON:-/usr/bin/python3} # where Debian's python3-torch is
command -v "$python" >/dev/null || { echo "train_step: $python is missing: install python3-torch" >&2; exit 1; }
exec "$python" "$(dirname "$0")/train_step.py" "$@"
