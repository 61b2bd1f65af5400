// Face number i depends only on (seed, i): the annotation files are written in a second pass that draws each
// portrait again without painting it, and a larger data set begins with the faces of a smaller one. The annotation
// comes last: a loader that is waiting for the data set takes it when it is whole.
#include "services/ctl/faces/faces.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "services/ctl/faces/portrait.h"

enum { QUALITY = 92, FILE_LIMIT = 1 << 20 };

// The official columns, in their order. A column without a field (offset 0) is -1 for each face.
#define SHOWS(field) offsetof(rg_portrait_t, field)
static const struct {
    const char *name;
    size_t field;
} columns[] = {
    {"5_o_Clock_Shadow", SHOWS(stubble)},
    {"Arched_Eyebrows"},
    {"Attractive"},
    {"Bags_Under_Eyes"},
    {"Bald"},
    {"Bangs", SHOWS(bangs)},
    {"Big_Lips"},
    {"Big_Nose"},
    {"Black_Hair", SHOWS(black)},
    {"Blond_Hair", SHOWS(blond)},
    {"Blurry"},
    {"Brown_Hair", SHOWS(brown)},
    {"Bushy_Eyebrows"},
    {"Chubby"},
    {"Double_Chin"},
    {"Eyeglasses", SHOWS(glasses)},
    {"Goatee"},
    {"Gray_Hair"},
    {"Heavy_Makeup", SHOWS(lipstick)},
    {"High_Cheekbones"},
    {"Male", SHOWS(face.male)},
    {"Mouth_Slightly_Open", SHOWS(open_mouth)},
    {"Mustache", SHOWS(full_beard)},
    {"Narrow_Eyes"},
    {"No_Beard", SHOWS(no_beard)},
    {"Oval_Face"},
    {"Pale_Skin", SHOWS(pale)},
    {"Pointy_Nose"},
    {"Receding_Hairline", SHOWS(receding)},
    {"Rosy_Cheeks"},
    {"Sideburns", SHOWS(full_beard)},
    {"Smiling", SHOWS(smiling)},
    {"Straight_Hair", SHOWS(straight)},
    {"Wavy_Hair", SHOWS(wavy)},
    {"Wearing_Earrings", SHOWS(earrings)},
    {"Wearing_Hat"},
    {"Wearing_Lipstick", SHOWS(lipstick)},
    {"Wearing_Necklace"},
    {"Wearing_Necktie"},
    {"Young", SHOWS(face.young)},
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void draw_portrait(uint64_t seed, uint32_t number, rg_portrait_t *portrait)
{
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_FACES, number);
    rg_face_t face = {.hair = (int)rg_rng_below(&rng, 3)};
    face.male = (int)rg_rng_below(&rng, 2);
    face.young = (int)rg_rng_below(&rng, 2);
    rg_portrait_draw(portrait, &face, &rng);
}

static int encode_face(const rg_portrait_t *portrait, uint8_t **jpeg, size_t *size)
{
    rg_image_t image;
    rg_portrait_paint(portrait, &image);
    int err = rg_jpeg_encode(&image, QUALITY, jpeg, size);
    rg_image_fini(&image);
    return err;
}

static int write_face(const rg_portrait_t *portrait, const char *path)
{
    uint8_t *jpeg;
    size_t size;
    if (rg_exists(path)) return 0;
    int err = encode_face(portrait, &jpeg, &size);
    if (err) return err;
    err = rg_file_write(path, jpeg, size);
    free(jpeg);
    return err;
}

// Files that exist are kept, so the first of them must be a face of this seed: the annotation describes it.
static int check_first(const rg_portrait_t *portrait, const char *path)
{
    uint8_t *jpeg, *old;
    size_t size, old_size;
    if (!rg_exists(path)) return 0;
    int err = encode_face(portrait, &jpeg, &size);
    if (err) return err;
    err = rg_file_read(path, FILE_LIMIT, &old, &old_size);
    if (!err) {
        if (old_size != size || memcmp(old, jpeg, size) != 0)
            err = rg_fail(RG_EINVAL, "%s exists and is not the face of this seed", path);
        free(old);
    }
    free(jpeg);
    return err;
}

static int write_images(const rg_faces_spec_t *spec, const char *folder)
{
    int err = rg_mkdirs(folder);
    for (uint32_t i = 1; !err && i <= spec->count; i++) {
        rg_portrait_t portrait;
        draw_portrait(spec->seed, i, &portrait);
        char *path = rg_format("%s/%06u.jpg", folder, i);
        if (i == 1) err = check_first(&portrait, path);
        if (!err) err = write_face(&portrait, path);
        free(path);
        if (!err && spec->progress && spec->progress(spec->self, i, spec->count))
            err = rg_fail(RG_ESTOPPED, "%s: stopped after %u of %u faces", folder, i, spec->count);
    }
    return err;
}

static void print_labels(FILE *out, const rg_portrait_t *portrait)
{
    for (int c = 0; c < COLUMNS; c++) {
        const char *field = (const char *)portrait + columns[c].field;
        fprintf(out, " %2d", columns[c].field && *(const int *)(const void *)field ? 1 : -1);
    }
}

static void print_annotation(FILE *out, const rg_faces_spec_t *spec)
{
    fprintf(out, "%u\n", spec->count);
    for (int c = 0; c < COLUMNS; c++) fprintf(out, "%s ", columns[c].name);
    fprintf(out, "\n");
    for (uint32_t i = 1; i <= spec->count; i++) {
        rg_portrait_t portrait;
        draw_portrait(spec->seed, i, &portrait);
        fprintf(out, "%06u.jpg", i);
        print_labels(out, &portrait);
        fprintf(out, "\n");
    }
}

// Of ten faces eight train, one validates, one tests.
static void print_partition(FILE *out, const rg_faces_spec_t *spec)
{
    for (uint32_t i = 1; i <= spec->count; i++)
        fprintf(out, "%06u.jpg %d\n", i, i % 10 == 9 ? 1 : i % 10 == 0 ? 2 : 0);
}

static int write_text(const rg_faces_spec_t *spec, const char *name,
                      void (*print)(FILE *out, const rg_faces_spec_t *spec))
{
    char *text = NULL, *path = rg_format("%s/%s", spec->folder, name);
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    int err = 0;
    if (out) print(out, spec);
    if (!out || fclose(out) != 0) err = rg_fail_errno(RG_EIO, "%s: cannot compose", path);
    if (!err) err = rg_file_write(path, text, size);
    free(text);
    free(path);
    return err;
}

int rg_faces_make(const rg_faces_spec_t *spec)
{
    char *folder = rg_format("%s%s", spec->folder, spec->plain ? "" : "/img_align_celeba");
    int err = write_images(spec, folder);
    free(folder);
    if (err || spec->plain) return err;
    err = write_text(spec, "list_eval_partition.txt", print_partition);
    return err ? err : write_text(spec, "list_attr_celeba.txt", print_annotation);
}
