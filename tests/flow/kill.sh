# kill.sh [N]: while clients add, remove and search, processes are killed (kill -9) N times (25), at random moments: the
# retrieval service, the encoder, the loader or one of the rg-ctl that use them. Afterwards everything that was
# acknowledged is true: no image is lost, none is there twice, none is back after it was removed.
. tests/support/flow.sh
kills=${1:-25} victims="retrieval encoder loader ctl"
RANDOM=${RG_SEED:-$$}
write_flow_config
run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 make-faces "$work/kept" --count 240 --seed 2 --plain
run 0 make-faces "$work/moved" --count 48 --seed 3 --plain
run 0 up
for stage in 1 2; do run 0 train --stage $stage; done
training=$(field retrieval images)

# client NAME COMMAND...: repeats the command until the file "stop" exists.
client()
{
    local name=$1
    shift
    until [ -e "$work/stop" ]; do "$@"; done >>"$work/$name.out" 2>>"$work/$name.err" </dev/null
}

# ctl NAME ARGUMENT...: runs one rg-ctl and writes its pid to NAME.pid.
ctl()
{
    "$RG_BIN/rg-ctl" "${@:2}" &
    echo $! >"$work/$1.pid"
    wait $!
}

# Two clients add the same images. An image that one of them acknowledges is durable.
add_kept() { ctl "$1" add-images --json "$work/kept"; }

chunks="0 1 2 3 4 5"
chunk_files() { ls "$work"/moved/*.jpg | sed -n "$(($1 * 8 + 1)),$(($1 * 8 + 8))p"; }

# One client adds a few images and removes them again, chunk by chunk, and writes down what was acknowledged last. A request
# of an rg-ctl that was killed may still arrive, even after a later one was acknowledged: then the state is "unknown".
move()
{
    local chunk files
    for chunk in $chunks; do
        files=$(chunk_files $chunk)
        echo unknown >"$work/state.$chunk"
        ctl move add-images --json $files && echo there >"$work/state.$chunk" || continue
        [ $((RANDOM % 3)) -ne 0 ] || continue
        echo unknown >"$work/state.$chunk"
        ctl move remove --json $files && echo gone >"$work/state.$chunk"
    done
}

search() { ctl search query --json --image "$work/kept/000001.jpg" -k 5; }

client add1 add_kept add1 &
client add2 add_kept add2 &
client move move &
client search search &

for kill in $(seq "$kills"); do
    set -- $victims
    shift $((RANDOM % $#))
    read -rt "0.$((RANDOM % 900 + 100))" <>"$work/never" 2>/dev/null || : # sleeps for a random time
    if [ "$1" = ctl ]; then
        set -- add1 add2 move search
        shift $((RANDOM % $#))
        kill -9 "$(cat "$work/$1.pid" 2>/dev/null)" 2>/dev/null
    else
        pid=$(field "$1" pid)
        [ -n "$pid" ] && kill -9 "$pid" && until_field "$1" pid -ne "$pid"
    fi
done
: >"$work/stop"
wait

# expect_again FATE FILE...: adding the files again must report this fate for each.
expect_again()
{
    local fate=$1 other
    shift
    run 0 add-images --json "$@"
    other=$(grep '"fate"' "$work/out" | grep -cv "\"fate\":\"$fate\"")
    [ "$other" -eq 0 ] || fail "$other images are not $fate after $kills kills"
}
sed -nE 's/^\{"name":"([^"]*)","fate":"(added|duplicate)".*/\1/p' "$work"/add?.out | sort -u >"$work/acknowledged"
[ -s "$work/acknowledged" ] || fail "nothing was added"
expect_again duplicate $(cat "$work/acknowledged")
for chunk in $chunks; do
    files=$(chunk_files $chunk)
    case $(cat "$work/state.$chunk" 2>/dev/null) in
    there) expect_again duplicate $files ;;
    gone) expect_again added $files ;;
    *) run 0 add-images $files ;;
    esac
done
run 0 add-images "$work/kept"
images=$(field retrieval images)
[ "$images" -eq $((training + 240 + 48)) ] || fail "the set holds $images images, not $((training + 240 + 48))"
run 0 index verify
out_has '^ *problems +0$'
echo "$kills kills, $(wc -l <"$work/acknowledged") of 240 images acknowledged meanwhile: 0 lost, 0 twice, 0 back"
