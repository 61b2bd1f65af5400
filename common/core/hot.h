// Leaf loops that are compiled for three levels of x86-64 and chosen at run time. OpenMP regions stay outside
// of them: the compiler outlines a parallel region before it clones, so a clone's region would run the
// baseline code.
#ifndef RG_CORE_HOT_H
#define RG_CORE_HOT_H

#if defined(RG_SANITIZED) || !defined(__x86_64__)
#define RG_HOT
#else
#define RG_HOT __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#endif

#endif
