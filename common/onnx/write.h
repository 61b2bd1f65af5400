// A writer of ONNX files: networks of ours, for programs that do not know our checkpoints. It adds tensors and
// nodes one after the other, and packs them into the bytes of a file.
//
//   rg_onnx_writer_new(&file, "content", "E_c, the content encoder");
//   const char *x = rg_onnx_write_input(file, "image", "the source", 3, (int[]){3, 64, 64});
//   x = rg_onnx_write_node(file, "Conv", x, rg_onnx_write_floats(file, "w", 4, shape, weights), NULL);
//   rg_onnx_write_int(file, "group", 1);
//   rg_onnx_write_output(file, x, "content", "a map", 3, (int[]){256, 16, 16});
//   rg_onnx_write_pack(file, &bytes, &size);
//
// A value is a text, its name, which lives as long as the writer. Operators are those of operator set 13, which
// every ONNX runtime since 2020 has. The writer checks nothing: a wrong network is a programmer error, which
// reading the file shows.
#ifndef RG_ONNX_WRITE_H
#define RG_ONNX_WRITE_H

#include <stddef.h>
#include <stdint.h>

enum { RG_ONNX_OPSET = 13 };

typedef struct rg_onnx_writer rg_onnx_writer_t;

void rg_onnx_writer_new(rg_onnx_writer_t **writer, const char *name, const char *about);
void rg_onnx_writer_destroy(rg_onnx_writer_t **writer);

// Metadata of the file: a key and its text.
void rg_onnx_write_note(rg_onnx_writer_t *writer, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

// ---- values

// Floats whose first side is N, the number of images, which each run chooses; `sides` are the others, -1: K, which
// each run chooses, too. An output renames its value; the old text of a renamed value is gone.
const char *rg_onnx_write_input(rg_onnx_writer_t *writer, const char *name, const char *about, int n,
                                const int *sides);
void rg_onnx_write_output(rg_onnx_writer_t *writer, const char *value, const char *name, const char *about,
                          int n, const int *sides);
const char *rg_onnx_write_rename(rg_onnx_writer_t *writer, const char *value, const char *name);

// Tensors, copied. A second tensor of a name is the first one.
const char *rg_onnx_write_floats(rg_onnx_writer_t *writer, const char *name, int rank, const int *shape,
                                 const float *values);
// A list of n equal numbers, or with n = 0 a single number; integers.
const char *rg_onnx_write_number(rg_onnx_writer_t *writer, int n, float value);
const char *rg_onnx_write_ints(rg_onnx_writer_t *writer, int n, const int64_t *values);

// ---- nodes

// Nodes and values that follow are named "SCOPE/OPERATOR"; "": only by their operator.
void rg_onnx_write_scope(rg_onnx_writer_t *writer, const char *scope);

// A node with inputs that end with NULL ("": omitted). Returns its output.
const char *rg_onnx_write_node(rg_onnx_writer_t *writer, const char *op, ...) __attribute__((sentinel));

// Attributes of the last node.
void rg_onnx_write_int(rg_onnx_writer_t *writer, const char *name, int64_t value);
void rg_onnx_write_float(rg_onnx_writer_t *writer, const char *name, float value);
void rg_onnx_write_text(rg_onnx_writer_t *writer, const char *name, const char *value);
void rg_onnx_write_list(rg_onnx_writer_t *writer, const char *name, int n, const int64_t *values);

// ---- the file

// The bytes of the file; free() them. RG_ELIMIT: over 2 GiB, which no reader of ONNX accepts.
int rg_onnx_write_pack(const rg_onnx_writer_t *writer, unsigned char **bytes, size_t *size);

#endif
