// Text inside HTML and SVG.
#ifndef RG_REPORT_DOCUMENT_MARKUP_H
#define RG_REPORT_DOCUMENT_MARKUP_H

#include <stdio.h>

// Escaped for elements and quoted attributes; bytes that XML does not allow, and what is no UTF-8, become
// '?'.
void rg_markup_text(const char *text, FILE *out);

#endif
