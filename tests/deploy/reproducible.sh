#!/bin/bash
# reproducible.sh: builds and installs the last commit twice, from two folders, and makes its Debian packages there; compares all
# installed files and both packages byte by byte. By hand, because it compiles everything twice: a compiler cache would give both
# builds the same objects and hide what differs.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
export SOURCE_DATE_EPOCH CCACHE_DISABLE=1

first=$work/a second=$work/another/and-deeper
for folder in "$first" "$second"; do
    mkdir -p "$folder/source" "$folder/result/packages"
    git archive "$commit" | tar x -C "$folder/source"
    cmake -S "$folder/source" -B "$folder/build" -G Ninja -DBUILD_TESTING=OFF -DCMAKE_INSTALL_PREFIX=/usr >/dev/null
    ninja -C "$folder/build" package
    for component in system python; do
        DESTDIR=$folder/result/installed cmake --install "$folder/build" --component $component >/dev/null
    done
    cp "$folder"/build/*.deb "$folder/result/packages"
    # What diff does not compare: kinds, modes and targets of links.
    (cd "$folder/result" && find installed packages -printf '%p %M %l\n' | sort >modes)
done

diff -r --no-dereference "$first/result" "$second/result"
echo "$(find "$first/result/installed" ! -type d | wc -l) installed files and $(find "$first/result/packages" -type f | wc -l) packages are the same"
