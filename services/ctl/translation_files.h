// Translations as files: any number of images, one PNG per translation, in a folder.
//
// The name of a file is SOURCE-WANTED.png, or SOURCE-WANTED-DRAW.png where there are several draws. SOURCE is
// the image's file name without its ending; images that are found below a folder keep their subfolders, and
// with several folders also the folder's own name.
#ifndef RG_CTL_TRANSLATION_FILES_H
#define RG_CTL_TRANSLATION_FILES_H

#include "services/ctl/command.h"
#include "services/ctl/pictures.h"
#include "services/ctl/translator.h"

// One set of wanted attributes, and its name in titles and files: "Male+", or "Blond_Hair,Young-".
enum { RG_WANTED_TITLE = 128 };
typedef struct {
    rg_edits_t edits;
    char title[RG_WANTED_TITLE];
} rg_wanted_t;

// What to write. All pointers are borrowed.
typedef struct {
    const rg_options_t *options;
    const rg_pictures_t *images;
    const char *folder; // made if it is missing
    const rg_wanted_t *wanted;
    int n_wanted;
    int force;                // 1: also writes the files that exist
    rg_translator_t settings; // its encoder is opened here
} rg_translation_files_t;

// Writes the files that are missing, shows progress, and reports each image that cannot be read. A file that
// exists is complete, so the same call resumes an interrupted one. RG_ENOENT if there are no images,
// RG_EINVAL if some were refused, RG_EUSAGE if the folder lies in a folder of images, RG_ESTOPPED, RG_EIO,
// RG_EFULL, and errors of the encoder.
int rg_translation_files_write(const rg_translation_files_t *what);

#endif
