# rg-ctl device lists what the key `device` can name; a device that cannot exist is refused at the start.
. tests/support/lib.sh

run 0 device
out_has "cpu    processor"
run 0 device --json
out_has '"device":"cpu","kind":"processor"'

run 2 device extra

# --bench measures a step of the configuration and notes the result, which `auto` takes. Drivers are hidden: their
# compilers take a minute.
need trainer
export OCL_ICD_VENDORS=$work
small="--set data.img_size=32 --set model.gf=4 --set model.df=4 --set model.d_layers=3 --set stage1.batch=2"
small="$small --set run=$work/bench"
# shellcheck disable=SC2086
run 0 device --bench $small
out_has '^cpu +processor +[0-9.]+ +oneDNN'
out_has 'A step of stage 1 with 2 images of 32 px; .device: auto. takes cpu'
fits_terminal
grep -qE '^cpu [0-9.]+ -$' "$work/bench/devices" || fail "RUN/devices lacks the processor"
# shellcheck disable=SC2086
run 0 device --bench --json $small
out_has '"device":"cpu","kind":"processor","ms":[0-9.]+'
# A step that fails is said, and is not a result.
# shellcheck disable=SC2086
run 0 device --bench $small --set stage1.loss.perceptual=1 --set stage1.loss.vgg16=/nowhere.onnx
out_has '^cpu +processor +failed'
out_has '^cpu: /nowhere.onnx'
[ ! -s "$work/bench/devices" ] || fail "a failed step was noted"

run 1 config --set device=gpu:x
err_has "device: gpu:x is not cpu, gpu, gpu:N or auto"
err_is_one_line
run 0 config --set device=gpu:3
out_has "^device: .gpu:3"
