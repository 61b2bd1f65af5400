// Data sets that are folders of images: a folder per class, or a plain one.
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/image_name.h"
#include "common/data/dataset_private.h"

static int compare_entries(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

// Appends a file if it is an image by its name. root: its path is left out of the name of the image.
static void visit_file(rg_dataset_t *set, const FTSENT *entry, const char *root)
{
    const char *name = entry->fts_path + strlen(root);
    if (!rg_image_name_known(entry->fts_name)) {
        set->passed_over += !rg_image_name_quiet(entry->fts_name);
        return;
    }
    rg__dataset_append(set, name + strspn(name, "/"));
}

static int visit(rg_dataset_t *set, FTS *tree, FTSENT *entry, const char *root)
{
    switch (entry->fts_info) {
    case FTS_D:
        if (entry->fts_level > 0 && rg_image_name_quiet(entry->fts_name)) fts_set(tree, entry, FTS_SKIP);
        return 0;
    case FTS_F:
    case FTS_SLNONE: // a link to nothing: reading the image will say so
        visit_file(set, entry, root);
        return 0;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errno = entry->fts_errno;
        return rg_fail_errno(RG_EIO, "%s: cannot read", entry->fts_path);
    case FTS_DC:
        return rg_fail(RG_EFORMAT, "%s: a link makes this folder contain itself: remove the link",
                       entry->fts_path);
    default:
        return 0;
    }
}

// Appends the images below a folder, in the order of their names. Links are followed.
static int append_folder(rg_dataset_t *set, char *path, const char *root)
{
    FTS *tree = fts_open((char *const[]){path, NULL}, FTS_LOGICAL | FTS_NOCHDIR, compare_entries);
    if (!tree) return rg_fail_errno(RG_EIO, "%s: cannot open folder", path);
    int err = 0;
    for (FTSENT *entry; !err && (entry = fts_read(tree)) != NULL;) err = visit(set, tree, entry, root);
    fts_close(tree);
    return err;
}

int rg__dataset_read_folder(rg_dataset_t *set, const char *root)
{
    char *path = rg_strdup(root);
    set->form = "folder";
    set->splits = "all images are for training, without annotation";
    set->folder = rg_strdup(root);
    int err = append_folder(set, path, root);
    free(path);
    return err;
}

// ---- a folder per class

// A folder of classes, and the splits that its images get in turn.
typedef struct {
    const char *name; // "train"; "": the root itself
    uint8_t even, odd;
} part_t;

// Appends the images of a class below a part. Without train/ they get the default splits.
static int append_class(rg_dataset_t *set, const char *root, const rg_classes_t *classes, int class,
                        const part_t *part)
{
    char *path = rg_format("%s/%s%s%s", root, part->name, *part->name ? "/" : "", classes->folder[class]);
    size_t first = set->count;
    int err = rg_is_folder(path) ? append_folder(set, path, root) : 0;
    for (size_t i = first; i < set->count; i++) {
        set->labels[i * (size_t)set->attributes.count + (size_t) class] = 1;
        size_t place = i - first;
        set->split[i] = !classes->split ? rg__split_of(place) : place % 2 ? part->odd : part->even;
    }
    free(path);
    return err;
}

static int is_class(const rg_classes_t *classes, const char *folder)
{
    for (int i = 0; i < classes->names.count; i++)
        if (strcmp(classes->folder[i], folder) == 0) return 1;
    return 0;
}

// val/ and test/ may lack a class, but not have another one.
static int check_part(const char *root, const char *part, const rg_classes_t *classes)
{
    char *path = rg_format("%s/%s", root, part), **names = NULL;
    size_t n = 0;
    int err = rg_list_dir(path, &names, &n);
    for (size_t i = 0; i < n && !err; i++) {
        char *folder = rg_format("%s/%s", path, names[i]);
        if (rg_is_folder(folder) && !is_class(classes, names[i]))
            err = rg_fail(RG_EFORMAT, "%s: %s/train has no such class: add it there, or remove this folder",
                          folder, root);
        free(folder);
    }
    rg_list_free(&names, n);
    free(path);
    return err;
}

// The first of these folders that is there; NULL: none.
static const char *find_part(const char *root, const char *const *names)
{
    for (; *names; names++) {
        char *path = rg_format("%s/%s", root, *names);
        int found = rg_is_folder(path);
        free(path);
        if (found) return *names;
    }
    return NULL;
}

// Finds the parts of a set with train/. Returns their number.
static int find_parts(rg_dataset_t *set, const char *root, part_t parts[3])
{
    const char *val = find_part(root, (const char *const[]){"val", "valid", "validation", NULL}),
               *test = find_part(root, (const char *const[]){"test", NULL});
    int n = 0;
    parts[n++] = (part_t){"train", RG_SPLIT_TRAIN, RG_SPLIT_TRAIN};
    set->splits = "by the folders train, val and test";
    if (val && test) {
        parts[n++] = (part_t){val, RG_SPLIT_VALIDATION, RG_SPLIT_VALIDATION};
        parts[n++] = (part_t){test, RG_SPLIT_TEST, RG_SPLIT_TEST};
    } else if (val || test) {
        parts[n++] = (part_t){val ? val : test, RG_SPLIT_TEST, RG_SPLIT_VALIDATION};
        set->splits = val ? "by the folders train and val; every second image of val is for testing"
                          : "by the folders train and test; every second image of test is for validation";
    }
    return n;
}

int rg__dataset_read_classes(rg_dataset_t *set, const char *root, const rg_classes_t *classes)
{
    rg_classes_t found = *classes;
    part_t parts[3] = {{"", RG_SPLIT_TRAIN, RG_SPLIT_TRAIN}};
    int n = classes->split ? find_parts(set, root, parts) : 1, err = 0;
    if (n == 1) {
        set->splits = "of every ten images of a class eight are for training, one for validation, one for "
                      "testing";
        if (classes->split) found.split = 0;
    }
    set->form = "classes";
    set->folder = rg_strdup(root);
    set->attributes = classes->names;
    for (int p = 1; p < n && !err; p++) err = check_part(root, parts[p].name, classes);
    for (int p = 0; p < n; p++)
        for (int c = 0; c < classes->names.count && !err; c++)
            err = append_class(set, root, &found, c, &parts[p]);
    return err;
}
