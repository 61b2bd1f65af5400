# add-images --dry-run lists the JPEG files: by name, at any depth, in upper or lower case; links are followed
# once.
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
grep -q notes "$work/out" && fail "notes.txt is listed, but it is not an image"

run 0 add-images --config "$work/config.yaml" --dry-run "$work/odd.bin"
out_has "^$work/odd.bin$"
run 1 add-images --config "$work/config.yaml" --dry-run "$work/missing"
out_has "^refused $work/missing: No such file"
run 1 add-images --config "$work/config.yaml" --dry-run "$work/empty"
err_has "no .jpg or .jpeg files in $work/empty"
