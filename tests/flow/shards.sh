# add-images of archives and of folders with archives: a run that is killed inside an archive goes on there, what is added
# is not sent again, and damaged archives are named.
. tests/support/flow.sh
write_flow_config
sed -i 's/^retrieval:/limits: {credit: 1}\nretrieval:/' "$work/config.yaml"
run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 make-faces "$work/new" --count 160 --seed 2 --plain
run 0 up
for stage in 1 2; do run 0 train --stage $stage; done
base=$(field retrieval images)

# As img2dataset writes them: KEY.jpg, KEY.json, KEY.txt in archives, with a table and a report beside each.
mkdir "$work/shards"
touch "$work/shards/0.parquet" "$work/shards/0_stats.json"
for image in "$work"/new/*.jpg; do
    echo '{"url":"x"}' >"${image%.jpg}.json"
    echo face >"${image%.jpg}.txt"
done
(cd "$work/new" && find . -type f | sort | tar -cf "$work/shards/0.tar" -T -)

# Killed once the record has a line of images.
"$RG_BIN/rg-ctl" add-images "$work/shards" >"$work/killed" 2>&1 &
adding=$!
until grep -qsE '^[0-9]+ [0-9]+ [0-9a-f]{32}$' "$work"/run/shards/*; do kill -0 $adding 2>/dev/null || break; done
kill -9 $adding || fail "the archive was added before the command could be killed"
wait $adding 2>/dev/null
recorded=$(awk 'NF == 3 { n += $2 - $1 } END { print n }' "$work"/run/shards/*)
[ "$recorded" -ge 16 ] && [ "$recorded" -lt 160 ] || fail "the record has $recorded of 160 images"
until_field loader waiting = 0

# What is recorded is not sent again. Of the request in flight, at most 64 images are known.
run 0 add-images --json "$work/shards"
sent=$(grep -c '"fate"' "$work/out")
[ $((sent + recorded)) -eq 160 ] || fail "$sent images were sent after $recorded of 160 were acknowledged"
[ "$(grep -c '"duplicate"' "$work/out")" -le 65 ] || fail "acknowledged images were sent again" # 64, and the summary
out_has "\"added_before\":$recorded"
out_has '"left_out":\{".json":[0-9]+,".txt":[0-9]+,".parquet":1\}'
[ "$(field retrieval images)" -eq $((base + 160)) ] || fail "the set has $(field retrieval images) of $((base + 160)) images"
run 0 add-images "$work/shards/0.tar"
out_has '^0 added, 0 known before, 0 refused'
out_has '^160 were added by earlier runs and not sent again \(1 whole archives\)$'

# A set without these images gets them again: the record is compared with it.
run 0 remove "$work/new"
run 0 add-images "$work/shards/0.tar"
out_has '^160 added, 0 known before'

# The same images as files: the set has them, so the loader and the encoder get none of them.
ingested=$(field loader ingested) embedded=$(field encoder embedded)
run 0 add-images "$work/new"
out_has '^0 added, 160 known before, 0 refused \(index generation [1-9]'
[ "$(field loader ingested)" -eq "$ingested" ] || fail "the loader got images that the set has already"
[ "$(field encoder embedded)" -eq "$embedded" ] || fail "the encoder embedded images that the set has already"

# A damaged archive, a damaged member and one that is no archive; what is in order is added.
run 0 make-faces "$work/more" --count 24 --seed 3 --plain
head -c 100 "$work/more/000002.jpg" >"$work/more/cut.jpg"
(cd "$work/more" && find . -name '*.jpg' | sort | tar -czf "$work/shards/1.tar.gz" -T -)
head -c 100000 "$work/shards/0.tar" >"$work/shards/2.tar"
echo '<html>' >"$work/shards/3.tar"
run 1 add-images "$work"/shards/*.tar "$work"/shards/*.tar.gz
out_has "^refused $work/shards/1.tar.gz:./cut.jpg: "
out_has "^refused $work/shards/2.tar: damaged behind [0-9]+ images"
out_has "^refused $work/shards/3.tar: not a tar archive"
out_has '^24 added, [0-9]+ known before'
run 1 add-images "$work/shards/1.tar.gz"
out_has "^refused $work/shards/1.tar.gz:./cut.jpg: "
out_has '^24 were added by earlier runs and not sent again \(0 whole archives\)$'

# Standard input: archives in a row, and lists of paths.
cat "$work/shards/0.tar" "$work/shards/0.tar" | "$RG_BIN/rg-ctl" add-images - >"$work/out" 2>"$work/err" || fail "from standard input"
out_has '^0 added, 320 known before, 0 refused'
printf '%s\0' "$work/shards/0.tar" "$work/more/000001.jpg" "$work/faces" |
    "$RG_BIN/rg-ctl" add-images --from - >"$work/out" 2>"$work/err" || fail "from a list on standard input"
out_has '^8 added, 33 known before, 0 refused' # of the faces, the training images are known
out_has '^160 were added by earlier runs'

# A sender that pauses holds nothing up: what came is added while standard input stays open.
mkfifo "$work/pipe"
"$RG_BIN/rg-ctl" add-images --from - <"$work/pipe" >"$work/out" 2>"$work/err" &
adding=$!
exec 7>"$work/pipe"
run 0 remove "$work/more/000001.jpg"
before=$(field retrieval images)
echo "$work/more/000001.jpg" >&7
until_field retrieval images = $((before + 1))
exec 7>&-
wait $adding || fail "the list that paused"
run 0 index verify
out_has '^ *problems +0$'
