# All services come up together, answer, survive the death of each, and go down.
. tests/support/lib.sh
need $all_services
write_config
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
run 0 down $config
run 1 status $config
