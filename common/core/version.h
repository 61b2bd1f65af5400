// The version of the programs.
#ifndef RG_CORE_VERSION_H
#define RG_CORE_VERSION_H

const char *rg_version(void); // "0.1.0", the project's in CMakeLists.txt

#endif
