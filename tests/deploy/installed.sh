# An installation depends neither on where it is made nor on where its source lies: two are equal, and no file names the source or
# build folder. (reproducible.sh compares two builds; it takes minutes.)
. tests/support/lib.sh
build=$(dirname "$RG_BIN")
export SOURCE_DATE_EPOCH=1700000000 # of the manual pages

for folder in "$work/first" "$work/second/and-deeper"; do
    for component in system python; do
        DESTDIR=$folder cmake --install "$build" --component $component >"$work/out" 2>"$work/err" || fail "cmake does not install $component"
    done
    (cd "$folder" && find . -printf '%p %M %l\n' | sort >"$work/modes.$(basename "$folder")") # which diff does not compare
done
diff -r --no-dereference "$work/first" "$work/second/and-deeper" >"$work/out" 2>"$work/err" || fail "two installations differ"
diff "$work/modes.first" "$work/modes.and-deeper" >"$work/out" || fail "two installations differ in the kinds or modes of files"
! grep -rlaF -e "$PWD/" -e "$build/" "$work/first" >"$work/out" || fail "these files name the source or the build folder"
[ "$(find "$work/first" -type f | wc -l)" -gt 50 ] || fail "too few files are installed"
