#!/bin/bash
# arm64.sh [FOLDER]: compiles everything for arm64 with Debian's cross compiler and runs the unit and grad tests under qemu-user, by
# hand. FOLDER (build-arm64) keeps the arm64 libraries in root/ and the build in build/. Prints which tests ran. Needs these packages:
#   apt-get install mmdebstrap qemu-user-static gcc-aarch64-linux-gnu g++-aarch64-linux-gnu
# The libraries are only unpacked, so this machine's packages stay as they are.
set -eu
folder=$(realpath -m "${1:-build-arm64}")
root=$folder/root lib=usr/lib/aarch64-linux-gnu
mkdir -p "$folder"

if [ ! -d "$root/$lib" ]; then
    packages=libc6-dev,libstdc++-12-dev,libgomp1
    for package in zmq3 czmq protobuf-c microhttpd dnnl openblas-openmp faiss fyaml jansson xxhash jpeg png webp sodium cmocka; do
        packages=$packages,lib$package-dev
    done
    mmdebstrap --variant=extract --architectures=arm64 --include="$packages,liblmdb-dev" bookworm "$root"
fi

# The links that Debian's alternatives would make are missing, so OpenBLAS is named by its own folder.
blas=$lib/openblas-openmp
cat >"$folder/arm64.cmake" <<END
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_SYSROOT $root)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_EXE_LINKER_FLAGS_INIT "-L$root/$blas -Wl,-rpath-link,$root/$blas")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-L$root/$blas -Wl,-rpath-link,$root/$blas")
set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-aarch64-static;-L;$root;-E;LD_LIBRARY_PATH=/$blas")
END
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/$blas/pkgconfig:$root/$lib/pkgconfig:$root/usr/share/pkgconfig
cmake -S . -B "$folder/build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$folder/arm64.cmake" -DRG_WERROR=ON -DRG_MPI=OFF \
    -DCHART_JS=/usr/share/javascript/chart.js/chart.min.js
ninja -C "$folder/build"
# unit-core-arena is left out: under qemu it takes all memory of the machine for an address range that it reserves.
# One thread: several would only wait for one another under emulation.
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 ctest --test-dir "$folder/build" -j "$(nproc)" --timeout 1800 -L '^(unit|grad)$' \
    -E '^unit-core-arena$' ${RG_TESTS:+-R "$RG_TESTS"}
