# All services start together and answer. Each one is killed and comes back. down stops all.
. tests/support/lib.sh
need $all_services
write_config
echo 'classifier: {iterations: 30, batch: 4}' >>"$work/config.yaml"
config="--config $work/config.yaml"
run 0 make-faces "$work/faces" --count 30 --seed 3

run 0 up $config
for service in $all_services; do out_has "^$service +ready \(pid [0-9]+\)"; done
run 0 status $config
for service in $all_services; do
    run 0 status $config --json $service
    kill -9 "$(sed -E 's/.*"pid":([0-9]+).*/\1/' "$work/out")"
done
for service in $all_services; do run 0 status $config $service; done

# One stage of a few iterations is trained with --profile; its report is complete.
run 0 train $config --stage classifier --profile
out_has "^  images_per_s +[0-9]"
out_has "^  wait_share +[0-9]"
out_has "^  peak_memory_mib +[0-9]"
out_has "^conv 3x3/1 3->32 at 32x32 +1\.0 .* ms .* ms +[0-9.]+%$"
out_has "^wait for a batch "
run 0 train $config --stage classifier --restart --profile --json
out_has '"profile":\{.*"update":\{"calls":1\.0'

run 0 down $config
run 1 status $config
