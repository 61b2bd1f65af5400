# The index on the disk: saved, restored, damaged, rebuilt, verified and compacted; the set exported; and embedded again by
# another model. At the end the store is damaged.
. tests/support/flow.sh
write_flow_config
sed -i 's/^retrieval: .*/retrieval: {map_size_gib: 1, index: HNSW8}/' "$work/config.yaml"
prepare_stage3
store=$work/run/store

# restart_retrieval: killed, and started again by its supervisor.
restart_retrieval()
{
    local pid
    pid=$(field retrieval pid)
    kill -9 "$pid"
    until_field retrieval pid -ne "$pid"
    until_field retrieval images -ge 0 # it tells its pid while it loads, too
}

run 0 index rebuild --json
out_has '"action":"rebuild",.*"images":"32","indexed":"32","dead":"0"'
run 0 index snapshot
out_has '^ *indexed +32$'
restart_retrieval
[ "$(field retrieval indexed)" -eq 32 ] || fail "the snapshot was not used"
run 0 index verify
out_has '^ *snapshot +32 images$'
out_has '^ *recall_at_10 +[01]\.'
out_has '^ *problems +0$'
run 0 add-images "$work/extra"
run 0 index restore
out_has '^ *images +56$'
out_has '^ *indexed +32$'

# A truncated snapshot is not used; a complete one is.
truncate -s -1 "$store/index.snapshot"
restart_retrieval
[ "$(field retrieval images)" -eq 56 ] || fail "$(field retrieval images) of 56 images are there after a truncated snapshot"
[ "$(field retrieval indexed)" -eq 0 ] || fail "a truncated snapshot was used"
grep -q 'snapshot-not-used.*damaged: its size is not the size in its head' "$work/run/logs/retrieval.log" || fail "the log does not name the damaged snapshot"
run 1 index restore
err_has 'index.snapshot: the snapshot of the index is damaged: its size is not the size in its head$'
run 0 index rebuild
run 0 index verify
out_has '^ *snapshot +56 images$'

# Compaction gives back the space of removed images.
before=$(stat -c %s "$store/data.mdb")
run 0 remove "$work/extra"
run 0 index compact
out_has '^ *dead +0$'
[ "$(stat -c %s "$store/data.mdb")" -lt "$before" ] || fail "the store has not become smaller than $before bytes"
run 0 index verify
out_has '^ *stored +32$'

# Export writes the set as plain files.
run 0 export --out "$work/export" --json
out_has '^\{"images":32,"dimension":16,'
[ "$(grep -c '"annotated":true' "$work/export/images.jsonl")" -eq 32 ] || fail "not all training images are annotated"
ids=$(sed -E 's/^\{"id":"([0-9a-f]{32})".*/\1/' "$work/export/images.jsonl")
for id in $ids; do [ -s "$work/export/thumbnails/$id.jpg" ] || fail "no thumbnail of $id"; done
[ "$(stat -c %s "$work/export/embeddings.npy")" -eq $((128 + 32 * 16 * 4)) ] || fail "embeddings.npy has a wrong size"
head -c 80 "$work/export/embeddings.npy" | grep -aq "'shape': (32, 16)" || fail "embeddings.npy has a wrong head"

# A query with a filter finds only images that pass it.
run 0 add-images "$work/extra"
run 0 query --image "$work/extra/000001.jpg" -k 40 --unannotated --json
[ "$(grep -o '"annotated":false' "$work/out" | wc -l)" -eq 23 ] || fail "not the 23 other unannotated images were found"
run 0 query --image "$work/extra/000001.jpg" -k 40 --name-prefix "$work/extra/00000" --json
[ "$(grep -o '"rank"' "$work/out" | wc -l)" -eq 8 ] || fail "not the 8 other images of that name were found"
run 0 query --image "$work/extra/000001.jpg" -k 40 --added-before 1h --json
out_has '"neighbours":\[\]'

# A longer stage 2 makes another model: all stored images are embedded again, and then the new model is current.
model=$(field retrieval model)
run 0 down
sed -i 's/^stage2: {iterations: 6/stage2: {iterations: 9/' "$work/config.yaml"
run 0 up
run 0 train --stage 2 --json
out_has '"step":"load",.*"reindexed":56'
[ "$(field retrieval model)" != "$model" ] || fail "the retrieval service still serves model $model"
[ "$(field retrieval missing)" -eq 0 ] || fail "images are missing"
[ "$(field retrieval images)" -eq 56 ] || fail "$(field retrieval images) of 56 images are there after reindexing"
run 0 index verify
out_has '^ *problems +0$'
run 0 query --image "$work/extra/000001.jpg" -k 3
run 0 reindex
out_has '^encoder: serves stage2, iteration 9, 0 stored images embedded anew$'

# A thumbnail is damaged: it is named and left out, and adding its image again mends it.
spoil()
{
    python3 - "$1" "$store/data.mdb" <<'END'
import sys
wanted = open(sys.argv[1], "rb").read()
with open(sys.argv[2], "r+b") as file:
    data = file.read()
    at = data.find(wanted)
    while at >= 0:  # also in pages of earlier versions
        file.seek(at + len(wanted) // 2)
        file.write(bytes([wanted[len(wanted) // 2] ^ 16]))
        at = data.find(wanted, at + 1)
END
}
run 0 export --out "$work/all" --json
id=$(sed -nE 's/^\{"id":"([0-9a-f]{32})".*000003.jpg".*"annotated":false.*/\1/p' "$work/all/images.jsonl")
spoil "$work/all/thumbnails/$id.jpg"
run 1 index verify
out_has "image $id, .*000003.jpg, is damaged .thumbnail.: add it again"
until_field retrieval images -eq 55
[ "$(field retrieval damaged)" -eq 1 ] || fail "the status does not count the damaged image"
run 0 query --image "$work/extra/000003.jpg" -k 3
run 1 export --out "$work/rest"
err_has 'damaged images that are left out: 1 '
[ "$(wc -l <"$work/rest/images.jsonl")" -eq 55 ] || fail "not all of the others were exported"
run 0 add-images "$work/extra"
out_has '^1 added, 23 known before'
run 0 index verify
out_has '^ *problems +0$'

# The file is cut short: the service names it and stays up, but is not ready.
pid=$(field retrieval pid)
truncate -s 40960 "$store/data.mdb"
"$RG_BIN/rg-ctl" index verify >/dev/null 2>&1 &
until_field retrieval state = failed
kill $! 2>/dev/null
[ "$(field retrieval pid)" -ne "$pid" ] || fail "the process was not replaced"
grep -q 'data.mdb cannot be read: it has been cut short' "$work/run/logs/retrieval.log" || fail "the log does not say why the process ended"
grep -q 'data.mdb: the file is cut short: it has 40960 bytes of' "$work/run/logs/retrieval.log" || fail "the log does not name the damage"
