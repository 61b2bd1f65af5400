// The format of an image file, decided by its first bytes. Its name only says which files of a folder are
// images, and which format a picture is written in.
#ifndef RG_DATA_FORMAT_H
#define RG_DATA_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum rg_image_format { RG_IMAGE_UNKNOWN, RG_IMAGE_JPEG, RG_IMAGE_PNG, RG_IMAGE_WEBP, RG_IMAGE_FORMATS };

// The format of the bytes of a file. RG_IMAGE_UNKNOWN: none that can be read here.
enum rg_image_format rg_image_format(const uint8_t *bytes, size_t size);

// Says what bytes of RG_IMAGE_UNKNOWN are, with the remedy: "a GIF image: convert it to JPEG, PNG or WebP".
// Never NULL, lives for ever.
const char *rg_image_foreign(const uint8_t *bytes, size_t size);

// "JPEG", "PNG", "WebP", "unknown"; and for HTTP "image/jpeg" ..., "application/octet-stream".
const char *rg_image_format_name(enum rg_image_format format);
const char *rg_image_format_mime(enum rg_image_format format);

// The format that the end of a file name stands for (.jpg .jpeg .jpe .jfif .png .webp, in any case).
enum rg_image_format rg_image_format_of_name(const char *name);

// What a folder's entry of this name is for someone who looks for images. Quiet entries are those that nobody
// means: names that begin with a dot, Thumbs.db, desktop.ini, __MACOSX, @eaDir.
enum rg_image_entry { RG_ENTRY_IMAGE, RG_ENTRY_QUIET, RG_ENTRY_OTHER };
enum rg_image_entry rg_image_entry(const char *name);

#endif
