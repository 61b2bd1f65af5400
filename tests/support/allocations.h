// Counts allocations. The linker wraps the allocation functions in a test that uses rg_count_allocations in
// its CMakeLists.txt; libraries that are linked dynamically are not counted.
#ifndef RG_TEST_ALLOCATIONS_H
#define RG_TEST_ALLOCATIONS_H

void rg_allocations_start(void); // starts at 0
int rg_allocations_stop(void);   // the allocations since start

#endif
