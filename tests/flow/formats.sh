# Every kind of image file, odd ones and broken ones, from the training set to a query. The names of the training
# images say nothing about their formats.
. tests/support/flow.sh
write_flow_config
run 0 make-faces "$work/faces" --count 40 --seed 1
run 0 make-faces "$work/extra" --count 6 --seed 2 --plain
"$RG_BIN/../tests/flow/image_kinds" "$work/faces/img_align_celeba" || fail "no files were written"
broken=$work/faces/img_align_celeba/000031.jpg
truncate -s 700 "$broken"
truncate -s -2 "$work/faces/img_align_celeba/000032.jpg" # without an end marker
run 0 up

# One broken training image is left out of training and of the retrieval set; all stages are trained all the same.
run 0 train
out_has "^refused .*000031.jpg: .*cut off"
out_has "^31 added, 0 known before, 1 refused"
out_has "^1 break the rules of their format, but were read whole"
out_has "^stage3: "
[ "$(field loader images_with_warnings)" -eq 1 ] || fail "the loader counts $(field loader images_with_warnings) odd images"

# What cannot be read is named; the rest is added.
mkdir "$work/extra/.hidden"
printf 'GIF89a, and so on' >"$work/extra/a.jpg"
printf '\000\000\000\030ftypheic\000\000\000\000mif1heic' >"$work/extra/b.JPG"
cp "$broken" "$work/extra/c.jpeg"
cp "$work/extra/000001.jpg" "$work/extra/._000001.jpg"
cp "$work/extra/000001.jpg" "$work/extra/.hidden/000001.jpg"
touch "$work/extra/notes.txt" "$work/extra/d.heic" "$work/extra/Thumbs.db"
run 1 add-images "$work/extra"
out_has "^refused $work/extra/a.jpg: a GIF image: convert it to JPEG, PNG or WebP$"
out_has "^refused $work/extra/b.JPG: a HEIC image: convert it to JPEG, PNG or WebP$"
out_has "^refused $work/extra/c.jpeg: .*cut off"
out_has "^6 added, 0 known before, 3 refused"
out_has "^2 others left out: 1 .heic, 1 .txt"
err_has "3 files were refused"

# Queries start from any format, and write the format that the name says.
magic() { head -c "$2" "$1" | od -An -tx1 | tr -d ' \n'; }
mkdir "$work/kinds"
"$RG_BIN/../tests/flow/image_kinds" "$work/kinds"
for kind in "$work"/kinds/*; do run 0 query --image "$kind" -k 2; done
run 0 query --image "$work/kinds/000020.jpg" -k 2 --out "$work/found.jpg"
[ "$(magic "$work/found.jpg" 2)" = ffd8 ] || fail "found.jpg is not a JPEG"
run 0 query --image "$work/kinds/000020.jpg" -k 2 --out "$work/found.webp"
[ "$(magic "$work/found.webp" 4)" = 52494646 ] || fail "found.webp is not a WebP"
run 2 query --image "$work/kinds/000020.jpg" --out "$work/found.gif"
err_has "found.gif: the name of a picture ends with .png, .jpg, .jpeg or .webp"
