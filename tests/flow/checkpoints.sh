# Damaged checkpoints are found and named, and the one before them takes their place: a flipped bit never reaches a network.
# Files that an administrator names by mistake, such as a pipe, do not stop the encoder.
. tests/support/flow.sh
write_flow_config
umask 022
checkpoint=$work/run/stage1.safetensors tensor=ema.content.in.weight

# flip FILE: one bit in the middle of the tensor.
flip()
{
    local place byte
    place=$(grep -aom 1 "\"$tensor\":{[^}]*}" "$1" | sed -E 's/.*"data_offsets":\[([0-9]+),.*/\1/')
    place=$((8 + $(od -An -tu8 -N8 "$1") + place + 17))
    byte=$(od -An -tu1 -j$place -N1 "$1")
    printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$1" bs=1 seek=$place conv=notrunc status=none
}

saved() { grep -aom 1 '"iteration":"[0-9]*"' "$1" | tr -dc 0-9; }

run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 up
run 0 train --stage classifier
run 0 train --stage 1
[ "$(saved "$checkpoint") $(saved "$checkpoint.previous")" = "6 3" ] || fail "the checkpoints are of iterations $(saved "$checkpoint") and $(saved "$checkpoint.previous")"
cp "$checkpoint" "$work/whole"
cp "$checkpoint.previous" "$work/whole.previous"
flip "$checkpoint"

# Requests for it get an error, and what is served goes on.
damaged="stage1.safetensors: tensor $tensor differs from its checksum"
run 1 reindex --checkpoint "$checkpoint"
err_has "$damaged"
run 1 evaluate --stage 1
err_has "$damaged"
[ "$(field encoder iteration)" -eq 6 ] || fail "the encoder serves iteration $(field encoder iteration)"

# No kind of file makes the encoder wait.
mkfifo "$work/pipe"
for file in "$work/pipe" "$work/run" /dev/zero /dev/tty; do
    run 1 reindex --checkpoint "$file"
    err_has "$file: (not a regular file|cannot open)"
done
[ "$(field encoder state)" = ready ] || fail "the encoder is $(field encoder state)"

# An encoder without networks serves the checkpoint before.
kill -9 "$(field encoder pid)"
until_field encoder iteration = 3
grep -q "checkpoint-damaged iteration=3 used=.*stage1.safetensors.previous error=.*$damaged" "$work/run/logs/encoder.log" || fail "the encoder does not say what it serves"

# Training goes on from there, to the same weights.
run 0 train --stage 1
grep -q "checkpoint-damaged stage=stage1 iteration=3 .*$damaged" "$work/run/logs/trainer.log" || fail "the trainer does not say where it goes on"
cmp "$checkpoint" "$work/whole" || fail "trained on to other weights"
cmp "$checkpoint.previous" "$work/whole.previous" || fail "the previous checkpoint is not that of iteration 3"
[ -e "$checkpoint.damaged" ] || fail "the damaged checkpoint is gone"
[ "$(field encoder iteration)" -eq 6 ] || fail "the encoder serves iteration $(field encoder iteration) after training"

# What the trainer, the encoder and the others wrote is the user's alone.
[ -z "$(find "$work/run" -perm /077)" ] || fail "other users may open $(find "$work/run" -perm /077 | tr '\n' ' ')"

# With both damaged nothing is begun anew by itself.
flip "$checkpoint"
flip "$checkpoint.previous"
run 1 train --stage 1
err_has "$damaged.*nor can training go on from .*stage1.safetensors.previous: tensor $tensor differs.*--restart begins anew"
run 0 train --stage 1 --restart
cmp "$checkpoint" "$work/whole" || fail "trained anew to other weights"
