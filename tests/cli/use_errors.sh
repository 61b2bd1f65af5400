# Wrong use has its own exit code, 2, and a sentence that says what was expected.
. tests/support/lib.sh
write_config
image=$work/none.jpg

run 2 dance
err_has "no command 'dance'"
run 2 status --config "$work/config.yaml" --wach
err_has "wach"
run 2 down --config "$work/config.yaml" extra
run 2 status
err_has "give --config FILE or set RG_CONFIG"
run 2 status --config "$work/config.yaml" bakery
err_has "'bakery' is not a service"
run 2 stats --config "$work/config.yaml" bakery
err_has "'bakery' is not a service"
run 2 up --config "$work/config.yaml" --only loader,bakery
err_has "'bakery' is not a service"
run 2 make-faces
err_has "DIR is missing"
run 2 make-faces "$work/faces" --count 0
err_has "--count 0: expected a whole number"
run 2 train --config "$work/config.yaml" --stage 4
err_has "--stage 4: expected classifier, 1, 2, 3 or all"
run 2 evaluate --config "$work/config.yaml" --stage 4
run 2 experiment --config "$work/config.yaml"
err_has "TABLE is missing: table1, table2 or table3"
run 2 experiment --config "$work/config.yaml" table4
err_has "table4: expected table1, table2 or table3"
run 2 experiment --config "$work/config.yaml" table1 --seeds 0
err_has "--seeds 0: expected a whole number"
run 2 add-images --config "$work/config.yaml"
err_has "a PATH is missing"
run 2 remove --config "$work/config.yaml"
err_has "a PATH or --id HEX is missing"
run 2 remove --config "$work/config.yaml" --id 0123
err_has "--id 0123: expected 32 hexadecimal digits"
run 2 keys
err_has "init, add, list or remove is missing"
run 2 keys give
err_has "'give': expected init, add, list or remove"
run 2 keys list
err_has "no folder of keys"
run 2 keys add --role reader
err_has "add: NAME is missing"
run 2 keys add ann
err_has "add: --role reader, writer or admin is missing"
run 2 keys add ann --role king
err_has "--role king: expected reader, writer or admin"
run 2 keys remove ann --role reader
err_has "remove: takes no --role"
run 2 keys list ann
err_has "unexpected argument: ann"
run 2 translate --config "$work/config.yaml" --image "$image" --out "$work/grid.png" --guidance some
err_has "--guidance some: expected retrieved or none"
run 2 query --config "$work/config.yaml"
err_has "--image FILE is missing"
run 2 query --config "$work/config.yaml" --image "$image" -k 5000
err_has "retrieval.k_max"
run 2 query --config "$work/config.yaml" --set data
err_has "expected KEY=VALUE"

for command in query "translate --out $work/grid.png"; do
    run 2 $command --config "$work/config.yaml" --image "$image" --attr Red_Hair=1
    err_has "Red_Hair"
    err_has "Black_Hair, Blond_Hair, Brown_Hair, Male, Young"
    run 2 $command --config "$work/config.yaml" --image "$image" --attr Young=maybe
    err_has "Young=0 or Young=1"
    run 2 $command --config "$work/config.yaml" --image "$image" --attr Blond_Hair=1,Black_Hair=1
    err_has "cannot both be 1"
done
