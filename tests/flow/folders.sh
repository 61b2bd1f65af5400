# A folder per class, JPEG and PNG mixed, is all that is needed: the classes become the attributes, every stage trains, and
# images of another class are found and made. Then the data set is damaged and changed: training goes on.
. tests/support/flow.sh

# Three classes of procedural faces with names that a user may give, in the layout of AFHQ: train/ and val/.
run 0 make-faces "$work/drawn" --count 60 --seed 1
images=$work/drawn/img_align_celeba
column() { sed -n 2p "$work/drawn/list_attr_celeba.txt" | tr -s ' ' '\n' | grep -nx "$1" | cut -d: -f1; }
classes="Black_Hair Blond_Hair Brown_Hair"
for class in $classes; do
    case $class in Black*) folder='cat' ;; Blond*) folder='wild animal' ;; *) folder='dog' ;; esac
    mkdir -p "$work/set/train/$folder" "$work/set/val/$folder"
    i=0
    for name in $(awk -v c="$(column $class)" 'NR > 2 && $(c + 1) == 1 { print $1 }' "$work/drawn/list_attr_celeba.txt"); do
        part='train'
        [ $((i % 3)) -eq 2 ] && part='val'
        cp "$images/$name" "$work/set/$part/$folder/"
        i=$((i + 1))
    done
    # Two PNG files of one colour.
    /usr/bin/python3 - "$work/set/train/$folder" <<'END'
import struct, sys, zlib
chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
for i in range(2):
    rows = b"".join(b"\0" + bytes([90 * i, sum(sys.argv[1].encode()) % 256, 200]) * 64 for _ in range(64))
    with open(f"{sys.argv[1]}/drawn{i}.PNG", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", 64, 64, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
END
done
: >"$work/set/train/cat/._000001.jpg"
: >"$work/set/train/Thumbs.db"

# Nothing is configured but data.root, the run, and sizes that make the test short.
cat >"$work/config.yaml" <<END
run: $work/run
threads: 1
data: {root: $work/set, img_size: 32}
model: {gf: 4, n_res: 1, df: 4, d_layers: 3, mlp: 16, embed_dim: 16, k: 2}
classifier: {iterations: 6, batch: 8, checkpoint_every: 3, sample_every: 0}
stage1: {iterations: 6, batch: 4, lr: 1e-3, checkpoint_every: 3, sample_every: 0}
stage2: {iterations: 6, batch: 4, checkpoint_every: 3, sample_every: 0}
stage3: {iterations: 8, batch: 4, lr: 1e-4, checkpoint_every: 4, sample_every: 0}
retrieval: {map_size_gib: 1}
END
export RG_CONFIG=$work/config.yaml
run 0 config
out_has '^  attributes: \[cat, dog, wild_animal\]'
out_has '^  exclusive: \[cat, dog, wild_animal\]'
run 0 data check
out_has "^classes in $work/set: 66 images, .*; splits by the folders train and val; every second image of val is for testing"
out_has '^60 JPEG  6 PNG  from 64x64 to 178x218 pixels'

run 0 up
run 0 train --stage classifier
run 0 train
first=$(find "$work/set/val/cat" -name '*.jpg' | sort | head -n 1)
run 0 query --image "$first" --attr dog=1 -k 3 --out "$work/query.png"
out_has '^ *3 .*train/'
run 0 translate --image "$first" --attr wild_animal=1 --out "$work/translate.png"
run 2 query --image "$first" --attr Male=1
err_has 'Male: no such attribute; choose from cat, dog, wild_animal'

# A broken image is left out, named in the report, and noted by the loader; training does not end.
run 0 down
broken=$(find "$work/set/train/dog" -name '*.jpg' | sort | head -n 1)
head -c 900 "$broken" >"$work/cut" && mv "$work/cut" "$broken"
run 0 up --set classifier.iterations=60
run 0 train --stage classifier --json
out_has '"data_sets":\[\{"fingerprint":"([0-9a-f]{16})","from":0\},\{"fingerprint":"\1","from":6\}\]' # the file has another size
out_has '"broken_images":1,"broken":\["[^"]*'"$(basename "$broken")"
[ "$(field loader broken)" -eq 1 ] || fail "the loader does not count the broken image"
[ "$(field loader last_broken)" = "${broken#"$work/set/"}" ] || fail "the loader does not name the broken image"
grep -q "broken-image.*$(basename "$broken")" "$work/run/logs/loader.log" || fail "the log does not name the broken image"

# Without the share training ends, after it has saved.
run 0 down
run 0 up --set classifier.iterations=400 --set data.broken_share=0
run 1 train --stage classifier
err_has '1 of [0-9]* training images are broken or missing, more than data.broken_share: 0 allows'
run 0 down

# An image more is another data set: the error names the way to go on, which the checkpoint and the report keep.
rm "$broken"
cp "$work/query.png" "$work/set/train/dog/added.PNG"
run 0 up --set classifier.iterations=120
run 1 train --stage classifier
err_has 'was trained on another data set or split .*: --accept-data goes on with this one, --restart begins anew'
run 0 train --stage classifier --accept-data --json
out_has '"from":6\},\{"fingerprint":"[0-9a-f]{16}","from":[1-9][0-9]*\}\]'
run 0 train --stage classifier
out_has 'data_sets'
