# add-images --dry-run lists the image files: by name, at any depth, in upper or lower case; links are followed
# once. What else a folder holds is counted by kind; hidden files are not even that.
. tests/support/lib.sh
write_config
mkdir -p "$work/in/deep/er" "$work/empty"
touch "$work/in/b.JPG" "$work/in/a.jpeg" "$work/in/notes.txt" "$work/in/deep/er/c.Jpg" "$work/odd.bin"
ln -s nowhere "$work/in/dead.jpg"
ln -s .. "$work/in/deep/loop"

run 1 add-images --config "$work/config.yaml" --dry-run "$work/in"
out_has "^$work/in/a.jpeg$"
out_has "^$work/in/b.JPG$"
out_has "^$work/in/deep/er/c.Jpg$"
out_has "^refused $work/in/dead.jpg: a link to nothing$"
out_has "^refused $work/in/deep/loop: a folder that contains itself$"
out_has "^3 files"
out_has "^1 other left out: 1 .txt$"
grep -q notes "$work/out" && fail "notes.txt is listed, but it is not an image"

run 0 add-images --config "$work/config.yaml" --dry-run "$work/odd.bin"
out_has "^$work/odd.bin$"
run 1 add-images --config "$work/config.yaml" --dry-run "$work/missing"
out_has "^refused $work/missing: No such file"
run 1 add-images --config "$work/config.yaml" --dry-run "$work/empty"
err_has "no images \(.jpg, .png, .webp\) in $work/empty"

mkdir -p "$work/kinds/.git" "$work/kinds/__MACOSX" "$work/kinds/deep"
for name in a.jfif b.jpe c.PNG d.webp ._a.jpg .b.jpg Thumbs.db .DS_Store .git/e.jpg __MACOSX/f.jpg 1.txt deep/2.TXT \
    3.txt 4.heic "5.with blank" README; do
    : >"$work/kinds/$name"
done
run 0 add-images --config "$work/config.yaml" --dry-run "$work/kinds"
for name in a.jfif b.jpe c.PNG d.webp; do out_has "^$work/kinds/$name$"; done
out_has "^4 files"
out_has "^6 others left out: 3 .txt, 1 .heic, 2 of other kinds \\(convert .heic to JPEG, PNG or WebP\\)$"
run 0 add-images --config "$work/config.yaml" --dry-run --json "$work/kinds"
out_has '^\{"left_out":\{".txt":3,".heic":1,"other":2\}\}$'
rm "$work"/kinds/[abcd].*
run 1 add-images --config "$work/config.yaml" --dry-run "$work/kinds"
err_has "no images .* in $work/kinds; 6 others left out: 3 .txt, 1 .heic"
