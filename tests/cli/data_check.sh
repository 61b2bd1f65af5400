# rg-ctl data check reads a data set as a whole, needs no service and writes nothing.
. tests/support/lib.sh
write_config
config="--config $work/config.yaml"
run 0 make-faces "$work/faces" --count 40 --seed 3
before=$(find "$work/faces" | sort | cksum)

run 0 data check $config
out_has "^CelebA in $work/faces/img_align_celeba: 40 images, .*; splits by list_eval_partition"
out_has "^40 JPEG  from 178x218 to 178x218 pixels"
out_has "^images +32 +4 +4$"
out_has "^Male +[0-9]+ +[0-9] +[0-9]"
out_has "^0 broken, 0 missing, 0 odd, 0 pairs with the same content"
run 0 data check $config --json --threads 3
out_has '"splits":\{"train":\{"images":32,"with":\{'
out_has '"problems":0'
[ "$before" = "$(find "$work/faces" | sort | cksum)" ] && [ ! -e "$work/run" ] || fail "something was written"

# 1 is cut off, 2 is missing, 4 in training is also 9 in validation, 5 is also 6, 7 is a long strip.
images=$work/faces/img_align_celeba
head -c 1000 "$images/000001.jpg" >"$work/cut" && mv "$work/cut" "$images/000001.jpg"
rm "$images/000002.jpg"
cp "$images/000004.jpg" "$images/000009.jpg"
cp "$images/000005.jpg" "$images/000006.jpg"
run 1 data check $config
err_has "the data set has 4 problems"
err_is_one_line
out_has "^broken +$images/000001.jpg: "
out_has "^missing +$images/000002.jpg: "
out_has "^the same +000004.jpg \(train\) and 000009.jpg \(validation\)"
out_has "^the same +000005.jpg \(train\) and 000006.jpg \(train\)"
out_has "^1 broken, 1 missing, 0 odd, 2 pairs with the same content \(1 in two splits, "
run 1 data check $config --json
out_has '"missing":\[\{"name":"000002.jpg"'
out_has '"names":\["000004.jpg","000009.jpg"\],"splits":\["train","validation"\]'
out_has '"problems":4'

# Names never reach a terminal raw.
mkdir -p "$work/odd/train/a" "$work/odd/train/b"
cp "$images/000003.jpg" "$work/odd/train/a/x$(printf '\033')[31m.jpg"
cp "$images/000003.jpg" "$work/odd/train/b/y$(printf '\351').jpg"
run 1 data check $config --set data.root="$work/odd"
out_has '^the same +train/a/x%1B\[31m.jpg \(train\) and train/b/y%E9.jpg \(train\), with different labels'
run 1 data check $config --set data.root="$work/odd" --json
/usr/bin/python3 -m json.tool <"$work/out" >/dev/null || fail "not JSON"

# A small picture for large networks is odd, and an attribute that no training image has cannot be learned.
run 1 data check $config --set data.img_size=512
out_has "^odd +000003.jpg: 178x218 is less than half of data.img_size, 512"
run 1 data check $config --set 'data.attributes=[Male,Bald]'
out_has "^Bald +0 +0 +0  all training images are alike"

# What cannot be opened is told with file, line and remedy; wrong use is exit 2.
printf '\357\273\277 2\r\nMale Young\r\na b.jpg  1 0\r\n./a b.jpg 1 0\r\n' >"$work/faces/list_attr_celeba.txt"
run 1 data check $config
err_has "list_attr_celeba.txt:4: a b.jpg is listed already in line 3: delete one of the two lines"
run 1 up $config
err_has "list_attr_celeba.txt:4: a b.jpg is listed already in line 3"
run 1 data check --set data.root="$work/none"
err_has "data.root: $work/none does not exist"
run 2 data $config
run 2 data mend $config
