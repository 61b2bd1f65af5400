// The limits of everything that a message carries, checked on the bytes of its envelope before they are
// unpacked. Only msg.c includes this.
//
// Unpacking makes memory of every element, so an envelope of 4 MiB that is full of empty elements would cost
// a hundred times its size. The check reads each byte at most once and makes nothing.
#ifndef RG_WIRE_BOUNDS_H
#define RG_WIRE_BOUNDS_H

#include <stddef.h>
#include <stdint.h>

// RG_EFORMAT if the bytes are not an envelope, or a field that is not repeated comes twice; RG_ELIMIT naming
// the field that is over its limit: a number, the length of a text, or the number of elements.
int rg__bounds_check(const void *envelope, size_t size);

// The request id of an envelope that is refused. 0 if there is none that can be read.
int rg__bounds_id(const void *envelope, size_t size, uint64_t *id);

#endif
