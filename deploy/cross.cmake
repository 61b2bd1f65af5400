# The toolchain of the processor that the variable DEB_HOST_ARCH names, such as arm64: Debian's cross compiler and the libraries that
# `DEB_HOST_ARCH=arm64 deploy/install.sh' installs beside this machine's. Without the variable, or if it names this machine's
# processor, nothing changes.
execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE machine OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(target "$ENV{DEB_HOST_ARCH}")
if(target AND NOT target STREQUAL machine)
  foreach(word GNU_TYPE GNU_CPU MULTIARCH)
    execute_process(COMMAND dpkg-architecture -a ${target} -q DEB_HOST_${word} ERROR_QUIET
      OUTPUT_VARIABLE ${word} OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  set(CMAKE_SYSTEM_NAME Linux)
  set(CMAKE_SYSTEM_PROCESSOR ${GNU_CPU})
  set(CMAKE_C_COMPILER ${GNU_TYPE}-gcc)
  set(CMAKE_CXX_COMPILER ${GNU_TYPE}-g++)
  set(CMAKE_LIBRARY_ARCHITECTURE ${MULTIARCH})
  set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${MULTIARCH}/pkgconfig:/usr/share/pkgconfig)
  set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${target})
endif()
