# Writes OUT, a C file that holds the FILES (a list) as one text: cmake -DOUT=... -DFILES=... -P embed.cmake
set(bytes "")
foreach(file ${FILES})
  file(READ ${file} hex HEX)
  string(APPEND bytes ${hex})
endforeach()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include <stddef.h>
extern const char rg__ocl_source[];
extern const size_t rg__ocl_source_size;
const char rg__ocl_source[] = {${bytes}0};
const size_t rg__ocl_source_size = sizeof rg__ocl_source - 1;
")
