// What the parameters of a request say, as text (NULL: not given). All refuse with RG_EINVAL, naming the
// parameter and what is expected.
#ifndef RG_GATEWAY_PARAMS_H
#define RG_GATEWAY_PARAMS_H

#include <stdint.h>

// A whole number, min to max; fallback where it is not given.
int rg_param_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t fallback,
                    uint64_t *out);

// The position of text among the choices, whose last is NULL; 0 where it is not given.
int rg_param_choice(const char *name, const char *text, const char *const *choices, int *out);

// 32 hexadecimal digits.
int rg_param_id(const char *name, const char *text, uint8_t id[16]);

// Text that people see: 1 to RG_PARAM_TEXT bytes of UTF-8 without control characters. It must be given.
enum { RG_PARAM_TEXT = 255 };
int rg_param_text(const char *name, const char *text);

#endif
