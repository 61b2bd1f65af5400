// The files of a folder of keys with any content: the access list, a secret and a public key. A list that is accepted
// is written and read again as the same list.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/wire/access.h"
#include "tests/fuzz/fuzz.h"

static const char *const files[] = {RG_ACCESS_FILE, "peer.key_secret", "peer.key"};
enum { FILES = sizeof files / sizeof *files, PATH = 128 };

static char folder[64];

static void remove_folder(void)
{
    char path[PATH];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void make_folder(void)
{
    if (*folder) return;
    strcpy(folder, "/tmp/rg-fuzz-keys-XXXXXX");
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
}

static void write_file(const char *name, const uint8_t *data, size_t size)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) || chmod(path, 0600)) abort();
}

static void read_list(void)
{
    rg_access_list_t list, again;
    if (rg_access_list_read(&list, folder) != 0) return;
    if (rg_access_list_write(&list, folder) != 0 || rg_access_list_read(&again, folder) != 0) abort();
    if (again.count != list.count) abort();
    for (size_t i = 0; i < list.count; i++) {
        const rg_access_entry_t *entry = &list.entries[i];
        const rg_access_entry_t *found = rg_access_list_find_key(&again, entry->key);
        if (!found || found->role != entry->role || strcmp(found->name, entry->name) != 0) abort();
        if (entry->role >= RG_ROLE_NONE || !rg_keypair_is_key(entry->key)) abort();
    }
    rg_access_list_fini(&list);
    rg_access_list_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rg_keypair_t pair;
    char key[RG_KEY_TEXT_SIZE];
    make_folder();
    for (int i = 0; i < FILES; i++) write_file(files[i], data, size);
    read_list();
    if (rg_keypair_read(folder, "peer", &pair) == 0 && !rg_keypair_is_key(pair.public_key)) abort();
    if (rg_keypair_read_public(folder, "peer", key) == 0 && !rg_keypair_is_key(key)) abort();
    return 0;
}

#define PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

size_t rg_fuzz_seed(size_t i, uint8_t *out, size_t capacity)
{
    static const char *const seeds[] = {
        "# role public-key name\nadmin " PUBLIC " alice\n\nreader\t " SECRET "  bob \r\n",
        "curve\n    public-key = \"" PUBLIC "\"\n    secret-key = \"" SECRET "\"\n",
    };
    if (i >= sizeof seeds / sizeof *seeds) return 0;
    int n = snprintf((char *)out, capacity, "%s", seeds[i]);
    return (size_t)n < capacity ? (size_t)n : capacity - 1;
}
