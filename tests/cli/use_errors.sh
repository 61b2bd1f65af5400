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
err_has "TABLE is missing: table1, table2, table3, curve or sizes"
run 2 experiment --config "$work/config.yaml" table4
err_has "table4: expected table1, table2, table3, curve or sizes"
run 2 experiment --config "$work/config.yaml" table1 --seeds 0
err_has "--seeds 0: expected a whole number"
for list in 1,3 3,2,1 1,2,x 1,2,2 ""; do
    run 2 experiment --config "$work/config.yaml" curve --classify "$list"
    err_has -- "--classify $list: expected 3 to 8 ascending weights"
done
run 2 experiment --config "$work/config.yaml" table2 --classify 1,3,6
err_has -- "--classify is of curve"
run 2 add-images --config "$work/config.yaml" --share 0.5 "$work"
err_has -- "--share needs --training"
run 2 add-images --config "$work/config.yaml" --training --share 2
err_has -- "--share 2: expected 0 to 1"
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
run 2 up --config "$work/config.yaml" extra
err_has "up: extra: the command takes options only"
run 2 status --config "$work/config.yaml" ""
err_has "an argument is an empty text"
run 2 status --config ""
err_has "--config: expected FILE, not an empty text"
run 2 status --config "$work/config.yaml" --set =3
err_has "--set =3: expected KEY=VALUE"
run 1 status --config "$work/config.yaml" --set run=
err_has "$work/config.yaml with --set: run: is empty"
for wrong in threads=0 threads=abc limits.image_max_mib=99999 http.gateway=-1 stage1.lr=1e99; do
    run 1 status --config "$work/config.yaml" --set $wrong
    err_has "--set: ${wrong%=*}: '${wrong#*=}' is not an? (integer|number), [0-9]+ to [0-9]+"
done
run 2 index --config "$work/config.yaml" verify verify
err_has "verify: expected one action only"
# What the user typed reaches the terminal escaped.
run 2 status --config "$work/config.yaml" "$(printf 'a\033[2J')"
err_has "'a%1B\[2J' is not a service"
run 2 make-faces x --count "$(printf '\033[2J')"
err_has "--count %1B\[2J: expected a whole number"
# Numbers and times out of range name the option and the range.
for wrong in "-k 0" "-k -1" "-k 10001" "-k 1e3" "--nprobe 0" "--ef-search 4097"; do
    run 2 query --config "$work/config.yaml" --image "$image" $wrong
    err_has "^rg-ctl query: $wrong: expected a whole number from 1 to [0-9]+$"
done
for wrong in "--samples 0" "--samples 65" "--samples -1" "--seed -1" "--seed 9223372036854775808"; do
    run 2 translate --config "$work/config.yaml" --image "$image" --out "$work/grid.png" $wrong
    err_has "^rg-ctl translate: $wrong: expected a whole number from [01] to [0-9]+$"
done
for option in --added-after --added-before; do
    for time in 2026-02-31 2026-11-25T24:00 2026-11-25T08:30+25:00 1969-12-31 yesterday -1d 2w; do
        run 2 query --config "$work/config.yaml" --image "$image" $option "$time"
        err_has "$option ${time/+/.}: expected a time since 1970 such as 2026-11-25, "
    done
done
run 2 query --config "$work/config.yaml" --image "$image" --added-after 2h --added-before 3h
err_has "--added-after is not before --added-before"
for option in --image --attr --out --name-prefix --exclude; do
    run 2 query --config "$work/config.yaml" --image "$image" $option ""
    err_has "query: $option '': expected "
done
# Files that are missing, of another kind, empty or folders are named before anything is asked or written.
run 0 make-faces "$work/faces" --count 1
face=$work/faces/img_align_celeba/000001.jpg
echo text >"$work/text.jpg"
: >"$work/none.png"
for command in query "translate --out $work/grid.png" "translate --out $work/grid.png --image $face --reference"; do
    read -ra words <<<"$command"
    [ "${words[-1]}" = --reference ] || words+=(--image)
    for file in "$work/nothing.jpg" "$work/text.jpg" "$work/none.png" "$work/config.yaml"; do
        run 1 "${words[@]}" "$file" --config "$work/config.yaml"
        err_has "^rg-ctl ${words[0]}: $file: "
    done
done
run 1 query --image "$work/faces" --config "$work/config.yaml"
err_has "$work/faces: not a regular file"
for command in query translate; do
    run 2 $command --config "$work/config.yaml" --image "$face" --out "$work/grid.gif"
    err_has "grid.gif: the name of a picture ends with .png, "
    run 1 $command --config "$work/config.yaml" --image "$face" --out "$work/nowhere/grid.png"
    err_has "--out $work/nowhere/grid.png: the folder $work/nowhere does not exist"
    mkdir -p "$work/folder.png"
done
run 1 query --config "$work/config.yaml" --image "$face" --out "$work/folder.png"
err_has "folder.png: there is a folder of that name"
run 1 translate --config "$work/config.yaml" --image "$work/nothing" --out "$work/edited/"
err_has "--image $work/nothing: No such file"
run 1 translate --config "$work/config.yaml" --image "$face" --out "$work/text.jpg/"
err_has "text.jpg: cannot make folder: there is a file of that name"
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
