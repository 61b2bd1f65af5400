#include "common/config/classes.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/alloc.h"
#include "common/core/err.h"
#include "common/core/file.h"
#include "common/core/image_name.h"

// ---- the table of CelebA

static const char *const annotation_files[] = {"list_attr_celeba.txt", "list_attr_celeba.csv",
                                               "CelebAMask-HQ-attribute-anno.txt", NULL};

char *rg_annotation_find(const char *root)
{
    static const char *const folders[] = {"", "Anno/"};
    for (int i = 0; i < 2; i++)
        for (const char *const *file = annotation_files; *file; file++) {
            char *path = rg_format("%s/%s%s", root, folders[i], *file);
            if (rg_exists(path)) return path;
            free(path);
        }
    return NULL;
}

static int is_annotated(const char *root)
{
    char *path = rg_annotation_find(root);
    free(path);
    return path != NULL;
}

// ---- folders

// 1 if an image lies in the folder itself.
static int holds_image(const char *path)
{
    DIR *dir = opendir(path);
    int found = 0;
    if (!dir) return 0;
    for (struct dirent *entry; !found && (entry = readdir(dir)) != NULL;)
        found = rg_image_name_known(entry->d_name);
    closedir(dir);
    return found;
}

// The attribute that a folder names, in the letters that a name of the configuration may have.
static int name_class(const char *path, const char *folder, rg_names_t *names)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    char name[RG_NAME_SIZE];
    size_t n = 0;
    for (const char *c = folder; *c && n < sizeof name - 1; c++)
        if (n || (strchr(allowed, *c) && !strchr("_-.", *c))) name[n++] = strchr(allowed, *c) ? *c : '_';
    name[n] = 0;
    if (!n)
        return rg_fail(RG_EFORMAT,
                       "%s/%s: rename this folder: the name of a class has letters A-Z, a-z or "
                       "digits",
                       path, folder);
    if (rg_names_find(names, name) >= 0)
        return rg_fail(RG_EFORMAT, "%s/%s: rename this folder: another one also gives the class %s", path,
                       folder, name);
    memcpy(names->name[names->count++], name, sizeof name);
    return 0;
}

static int add_class(rg_classes_t *classes, const char *path, const char *folder)
{
    if (classes->names.count == RG_ATTRIBUTES_MAX)
        return rg_fail(RG_ELIMIT, "%s: more than %d folders of images, each a class: leave some out", path,
                       RG_ATTRIBUTES_MAX);
    int err = name_class(path, folder, &classes->names);
    if (!err) classes->folder[classes->names.count - 1] = rg_strdup(folder);
    return err;
}

static int is_number(const char *name)
{
    return name[strspn(name, "0123456789")] == 0;
}

static int collect_classes(rg_classes_t *classes, const char *path)
{
    char **names;
    size_t n;
    int err = rg_list_dir(path, &names, &n);
    if (err) return err;
    for (size_t i = 0; i < n && !err; i++) {
        char *folder = rg_format("%s/%s", path, names[i]);
        if ((classes->split || !is_number(names[i])) && holds_image(folder))
            err = add_class(classes, path, names[i]);
        free(folder);
    }
    rg_list_free(&names, n);
    return err;
}

int rg_classes_find(rg_classes_t *out, const char *root)
{
    rg_classes_t classes = {0};
    if (is_annotated(root)) {
        *out = classes;
        return 0;
    }
    char *train = rg_format("%s/train", root);
    classes.split = rg_is_folder(train);
    const char *path = classes.split ? train : root;
    int err = rg_is_folder(path) && !holds_image(path) ? collect_classes(&classes, path) : 0;
    // Without train/ many folders are the parts of a plain set. One class alone says nothing about an image.
    if (err && !classes.split) err = 0, classes.names.count = 0;
    if (err || classes.names.count < 2) {
        int split = classes.split;
        rg_classes_fini(&classes);
        classes.split = split;
    }
    free(train);
    if (!err) *out = classes;
    return err;
}

void rg_classes_fini(rg_classes_t *classes)
{
    for (int i = 0; i < RG_ATTRIBUTES_MAX; i++) free(classes->folder[i]);
    *classes = (rg_classes_t){0};
}
