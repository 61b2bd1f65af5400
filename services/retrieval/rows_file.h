// The file of rows: FOLDER/rows.N, where full chunks of rows go, so that they need neither memory nor a long
// start. The file is mapped, and is only appended to.
//
// Like everything besides the store, it is a cache: the store holds the same vectors. It belongs to one
// numbering of the rows; when rows get other positions or another model becomes current, a new file with
// another number takes its place. The store says which number counts, and which of its rows have been removed
// (store.h).
//
// Each block has a checksum, which is compared when the block is first used after a start. A search cannot do
// without the rows of a damaged block: the process logs what is damaged, removes the file and ends. Whoever
// started it starts it again, and it reads all rows from the store.
#ifndef RG_RETRIEVAL_ROWS_FILE_H
#define RG_RETRIEVAL_ROWS_FILE_H

#include "services/retrieval/rows.h"

typedef struct rg_rows_file rg_rows_file_t;

// new makes the object of a file that does not exist before its first chunk. open opens the file of this
// number: RG_ENOENT, RG_EIO, RG_EVERSION, RG_EFORMAT if it is damaged or holds vectors of another size. A
// last chunk that was not written completely is left out.
rg_rows_file_t *rg_rows_file_new(const char *folder, uint64_t number, uint32_t dim);
int rg_rows_file_open(rg_rows_file_t **file, const char *folder, uint64_t number, uint32_t dim);

// retain adds an owner and returns the same object. release ends one ownership; the last one closes the file,
// and removes it unless it is to stay. Both accept NULL.
rg_rows_file_t *rg_rows_file_retain(rg_rows_file_t *file);
void rg_rows_file_release(rg_rows_file_t **file);

// Whether the file stays when it is closed: 1 after open, 0 after new.
int rg_rows_file_stays(const rg_rows_file_t *file);
void rg_rows_file_set_stays(rg_rows_file_t *file, int stays);

uint64_t rg_rows_file_number(const rg_rows_file_t *file);
size_t rg_rows_file_count(const rg_rows_file_t *file); // rows in the file; 0 for NULL

// Makes `rows` the rows of the file.
void rg_rows_file_map(rg_rows_file_t *file, rg_rows_t *rows);

// Moves the full chunks of `rows` that are not in the file yet to its end; when it returns, they are on the
// disk. The file's rows are the first of `rows`. RG_EFULL, RG_EIO: the chunk and those behind it stay in
// memory.
int rg_rows_file_take(rg_rows_file_t *file, rg_rows_t *rows);

// Compares all checksums. RG_EFORMAT.
int rg_rows_file_check(rg_rows_file_t *file);

// Logs that a file is damaged, removes it and ends the process, for caches that the next start makes again.
_Noreturn void rg_rows_end_damaged(const char *path, const char *what);

// Ends the process if the checksum of this block of the file is wrong.
void rg_rows_file_check_block(rg_rows_file_t *file, const void *block);

// Removes all files of rows in the folder except that of this number: those of processes that were killed.
void rg_rows_file_remove_others(const char *folder, uint64_t number);

#endif
