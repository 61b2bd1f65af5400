#include "common/data/format.h"

#include <string.h>

#define CONVERT ": convert it to JPEG, PNG or WebP"

// Bytes `magic` at offset `at` of a file.
typedef struct {
    size_t at, n;
    const char *magic;
    const char *what; // of RG_IMAGE_UNKNOWN: the sentence
    enum rg_image_format format;
} signature_t;

#define SIGNATURE(at, magic, ...)                                                                            \
    {                                                                                                        \
        at, sizeof(magic) - 1, magic, __VA_ARGS__                                                            \
    }

// The first that matches counts.
static const signature_t signatures[] = {
    SIGNATURE(0, "\xff\xd8", NULL, RG_IMAGE_JPEG),
    SIGNATURE(0, "\x89PNG\r\n\x1a\n", NULL, RG_IMAGE_PNG),
    SIGNATURE(8, "WEBP", NULL, RG_IMAGE_WEBP), // after "RIFF" and a size
    SIGNATURE(0, "GIF8", "a GIF image" CONVERT),
    SIGNATURE(0, "II*\0", "a TIFF image or a camera's raw file" CONVERT),
    SIGNATURE(0, "MM\0*", "a TIFF image or a camera's raw file" CONVERT),
    SIGNATURE(0, "II+\0", "a TIFF image" CONVERT),
    SIGNATURE(0, "MM\0+", "a TIFF image" CONVERT),
    SIGNATURE(0, "BM", "a BMP image" CONVERT),
    SIGNATURE(0, "%PDF", "a PDF document: export its pictures as JPEG, PNG or WebP"),
    SIGNATURE(0, "8BPS", "a Photoshop document" CONVERT),
    SIGNATURE(0, "\0\0\1\0", "an icon (ICO)" CONVERT),
    SIGNATURE(0, "\0\0\0\x0cJXL ", "a JPEG XL image" CONVERT),
    SIGNATURE(0, "\xff\x0a", "a JPEG XL image" CONVERT),
    SIGNATURE(0, "\0\0\0\x0cjP  ", "a JPEG 2000 image" CONVERT),
    SIGNATURE(0, "\xff\x4f\xff\x51", "a JPEG 2000 image" CONVERT),
    SIGNATURE(0, "qoif", "a QOI image" CONVERT),
    SIGNATURE(0, "P3", "a PNM image" CONVERT),
    SIGNATURE(0, "P5", "a PNM image" CONVERT),
    SIGNATURE(0, "P6", "a PNM image" CONVERT),
    SIGNATURE(0, "<svg", "an SVG drawing" CONVERT),
    SIGNATURE(0, "<?xml", "an XML document or SVG drawing, not a JPEG, PNG or WebP image"),
    SIGNATURE(0, "<!", "a web page: the download got a page instead of the image"),
    SIGNATURE(0, "<html", "a web page: the download got a page instead of the image"),
    SIGNATURE(0, "version https://git-lfs", "a pointer of Git LFS: fetch the image with `git lfs pull'"),
    SIGNATURE(0, "PK\3\4", "a ZIP archive: unpack it first"),
    SIGNATURE(0, "\x1f\x8b", "a gzip archive: unpack it first"),
};

static int has_signature(const signature_t *signature, const uint8_t *bytes, size_t size)
{
    return size >= signature->at + signature->n &&
           memcmp(bytes + signature->at, signature->magic, signature->n) == 0;
}

static const signature_t *find_signature(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature_t *signature = &signatures[i];
        if (!has_signature(signature, bytes, size)) continue;
        if (signature->format == RG_IMAGE_WEBP && memcmp(bytes, "RIFF", 4) != 0) continue;
        return signature;
    }
    return NULL;
}

enum rg_image_format rg_image_format(const uint8_t *bytes, size_t size)
{
    const signature_t *signature = find_signature(bytes, size);
    return signature ? signature->format : RG_IMAGE_UNKNOWN;
}

// Files of the family of MP4 begin with a box "ftyp": its size, its name, then brands of four letters. The
// first brand is the main one, with a version behind it.
static const char *name_brand(const uint8_t *bytes, size_t size)
{
    static const char heif[][5] = {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"};
    size_t end = size < 64 ? size : 64;
    const char *found = "a video or another file of the MP4 family, not a JPEG, PNG or WebP image";
    if (size < 12 || memcmp(bytes + 4, "ftyp", 4) != 0) return NULL;
    if (end > bytes[3] && !bytes[0] && !bytes[1] && !bytes[2]) end = bytes[3];
    for (size_t at = 8; at + 4 <= end; at += 4) {
        if (memcmp(bytes + at, "avif", 4) == 0 || memcmp(bytes + at, "avis", 4) == 0)
            return "an AVIF image" CONVERT;
        for (size_t i = 0; i < sizeof heif / sizeof *heif; i++)
            if (memcmp(bytes + at, heif[i], 4) == 0) found = "a HEIC image" CONVERT;
    }
    return found;
}

const char *rg_image_foreign(const uint8_t *bytes, size_t size)
{
    const signature_t *signature = find_signature(bytes, size);
    const char *brand = name_brand(bytes, size);
    if (size == 0) return "empty file";
    if (signature && signature->what) return signature->what;
    if (brand) return brand;
    for (size_t i = 0; i < size && i < 4096; i++)
        if (bytes[i]) return "not a JPEG, PNG or WebP image";
    return "the file holds only zero bytes: copy it again";
}

const char *rg_image_format_mime(enum rg_image_format format)
{
    static const char *const types[RG_IMAGE_FORMATS] = {"application/octet-stream", "image/jpeg", "image/png",
                                                        "image/webp"};
    return types[format];
}
