// Counts the allocations of all code of ours, which the linker hands to a test with rg_count_allocations.
#ifndef RG_TEST_ALLOCATIONS_H
#define RG_TEST_ALLOCATIONS_H

void rg_allocations_start(void); // from none on
int rg_allocations_stop(void);   // how many there were since

#endif
