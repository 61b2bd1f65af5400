// File names of images. What a file is, its content says (common/data/format.h). The name tells which files
// of a folder are worth opening, and in which format a picture is written.
#ifndef RG_CORE_IMAGE_NAME_H
#define RG_CORE_IMAGE_NAME_H

enum rg_image_format { RG_IMAGE_UNKNOWN, RG_IMAGE_JPEG, RG_IMAGE_PNG, RG_IMAGE_WEBP, RG_IMAGE_FORMATS };

// The format that the end of a path stands for: .jpg .jpeg .jpe .jfif, .png, .webp, in any case.
enum rg_image_format rg_image_name_format(const char *path);

// 1 if an entry of a folder is one that nobody means: hidden (".x.jpg", "._x.jpg" as macOS leaves them,
// ".git"), or a cache of a file manager: Thumbs.db, desktop.ini, __MACOSX, @eaDir. name: without its folder.
int rg_image_name_quiet(const char *name);

// 1 if a file of this name, without its folder, is taken for an image: it has the end of a format and is not
// quiet.
int rg_image_name_known(const char *name);

#endif
