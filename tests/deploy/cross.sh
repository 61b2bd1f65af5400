# DEB_HOST_ARCH chooses the processor to build for: install.sh takes its libraries and compiler, cross.cmake uses them. Without the
# variable, or with this machine's processor, both do what they do for this machine.
. tests/support/lib.sh
command -v dpkg-architecture >/dev/null || { echo "SKIP: dpkg-dev is missing"; exit 77; }
machine=$(dpkg --print-architecture)
other=arm64
[ "$machine" != $other ] || other=amd64

# What install.sh would run, where no package is installed.
mkdir "$work/bin"
printf '#!/bin/sh\nexit 1\n' >"$work/bin/dpkg-query"
printf '#!/bin/sh\necho apt-get "$@"\n' >"$work/bin/apt-get"
printf '#!/bin/sh\n[ "$1" != --print-architecture ] || exec echo %s\necho dpkg "$@"\n' "$machine" >"$work/bin/dpkg"
printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/sudo"
chmod +x "$work"/bin/*
install_for() { DEB_HOST_ARCH=$1 PATH=$work/bin:$PATH deploy/install.sh mypackage >"$work/out" 2>"$work/err" || fail "install.sh fails"; }

# What cross.cmake sets.
echo "include($PWD/deploy/cross.cmake)
message(\"\${CMAKE_SYSTEM_PROCESSOR} \${CMAKE_C_COMPILER} \${CPACK_DEBIAN_PACKAGE_ARCHITECTURE}\")" >"$work/show.cmake"
cmake_for() { DEB_HOST_ARCH=$1 cmake -P "$work/show.cmake" >"$work/out" 2>&1 || fail "cmake fails: $(cat "$work/out")"; }

install_for $other
out_has "^dpkg --add-architecture $other\$"
out_has "^apt-get install .*--no-remove .* protobuf-compiler .* mypackage crossbuild-essential-$other libzmq3-dev:$other "
cmake_for $other
out_has "^[a-z0-9_]+ [a-z0-9_]+-linux-gnu-gcc $other\$"

for same in '' "$machine"; do
    install_for "$same"
    out_has '^apt-get install .* mypackage libzmq3-dev '
    ! grep -q -e "$other" -e "add-architecture" "$work/out" || fail "install.sh installs for another processor"
    cmake_for "$same"
    ! grep -q gcc "$work/out" || fail "cross.cmake chooses a compiler for this machine"
done
