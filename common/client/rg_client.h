// The retrieval set of RG-UNIT from your own program: search it, list it, add to it, remove from it.
//
//    #include <rg_client.h>
//    #include <stdio.h>
//    #include <stdlib.h>
//
//    static void print(const rg_client_result_t *result)
//    {
//        for (uint32_t i = 0; i < result->n * result->k; i++)
//            if (result->images[i].found)
//                printf("%s %g\n", result->images[i].name, result->images[i].dist_l2sq);
//    }
//
//    int main(int argc, char **argv)
//    {
//        rg_client_t *client = NULL;
//        rg_client_status_t set;
//        rg_client_search_t search = {0};
//        rg_client_result_t *result = NULL;
//        float *query = NULL;
//        int err = rg_client_open(&client, argc > 1 ? argv[1] : "ipc://run/retrieval.ipc", NULL);
//        if (!err) err = rg_client_status(client, &set);
//        if (!err) {
//            query = calloc(set.dimension, sizeof *query); // here goes what you look for
//            search.model = set.model;
//            search.queries = query;
//            search.dimension = set.dimension;
//            search.n = 1;
//            search.k = 3;
//            err = rg_client_search(client, &search, &result);
//        }
//        if (err)
//            fprintf(stderr, "%s\n", rg_client_error());
//        else
//            print(result);
//        free(query);
//        rg_client_result_destroy(&result);
//        rg_client_close(&client);
//        return err != 0;
//    }
//
//    cc example.c $(pkg-config --cflags --libs rg_client)
//
// Letters: n queries or images, k neighbours, D floats of an embedding, [h,w,C] features of 16-bit
// floats (IEEE binary16), S the side of an image. Arrays are row-major, byte order is the machine's.
//
// Errors. A function that can fail returns 0 or a negative RG_CLIENT_E...; results are written on success
// only, and rg_client_error() says in a sentence what went wrong and where. Any function that asks the server
// may return: ETIMEOUT (no answer in time; the sentence has the endpoint), EINVAL (an argument is missing, or
// the server does not take such a request), ELIMIT (too much for one message or for the server), EFORMAT,
// ESHAPE or EVERSION (the two sides do not understand each other), EIO or EFULL (the server's disk), EREMOTE
// (an error this version does not know). Further ones stand beside the function. Out of memory ends the
// process.
//
// Connections. Opening does not wait: a server may start later, or be restarted between or during two calls;
// what it had not answered is sent to it again. This changes nothing but numbers: an image that is added
// twice is there once and the second time a duplicate. ipc://PATH and tcp://HOST:PORT are possible; tcp
// is encrypted where there are keys, and beyond loopback it needs them or must be asked for.
//
// Threads. A client is used by one thread at a time, and not across fork(); several threads open one each.
// Results belong to no thread and to no client: they live until they are destroyed. rg_client_error() is the
// calling thread's. The library starts no thread of its own beyond ZeroMQ's, prints nothing and leaves
// signals alone.
//
// Structs of arguments grow at their end from version to version, and so does the library's soname: zero
// them before filling, zeros are the defaults.
#ifndef RG_CLIENT_H
#define RG_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RG_CLIENT_EINVAL = -1,    // an argument, or a request the server does not take
    RG_CLIENT_EIO = -2,       // input or output, here or at the server
    RG_CLIENT_ENOENT = -3,    // the encoder has no checkpoint yet
    RG_CLIENT_EFORMAT = -4,   // the reply is not what was asked for
    RG_CLIENT_ESHAPE = -5,    // sizes that are not the model's
    RG_CLIENT_ELIMIT = -6,    // over a limit, which the sentence names
    RG_CLIENT_EVERSION = -7,  // the server speaks another version
    RG_CLIENT_ECONFIG = -8,   // an endpoint that cannot be, or needs `insecure`
    RG_CLIENT_EMODEL = -9,    // another model than the server's
    RG_CLIENT_ETIMEOUT = -10, // no answer in time
    RG_CLIENT_ESTOPPED = -11, // the server was stopped meanwhile
    RG_CLIENT_EBUSY = -12,    // the server cannot do this now
    RG_CLIENT_EFULL = -13,    // no space left at the server
    RG_CLIENT_ENUMERIC = -14, // a number that is not finite
    RG_CLIENT_EREMOTE = -15,  // an error of the server that this version does not know
    RG_CLIENT_EACCES = -17 // a key file that others may read, or a request that the key's role may not make
};

enum { RG_CLIENT_ID_SIZE = 16, RG_CLIENT_TEXT_SIZE = 256 };

// The last error of this thread: what and where. "" if there was none. Valid until its next error.
const char *rg_client_error(void);

// ------------------------------------------------------------------ open and close
typedef struct rg_client rg_client_t;

typedef struct {
    int timeout_ms;       // how long a call waits for its answer; 0: 30 s, negative: as long as it takes
    int message_max_mib;  // largest array sent or taken, 1 to 2047; as limits.message_max_mib of the server,
                          // whose larger replies would not get through; 0: 64, the default there too
    int insecure;         // nonzero: tcp beyond loopback without keys, readable for everyone on the way
    const char *keys;     // folder with server.key and IDENTITY.key_secret (rg-ctl keys add): tcp is
                          // encrypted; NULL: it is not
    const char *identity; // whose key is shown; NULL: "services"
} rg_client_options_t;

// options: NULL for the defaults. endpoint and options are borrowed for the call. EINVAL, ECONFIG, EIO.
int rg_client_open(rg_client_t **client, const char *endpoint, const rg_client_options_t *options);

// Tolerates NULL; *client becomes NULL. What was sent and not answered is forgotten.
void rg_client_close(rg_client_t **client);

// ------------------------------------------------------------------ status
typedef struct {
    uint64_t generation;             // grows whenever what can be found changes
    uint64_t images;                 // that can be found
    char model[RG_CLIENT_TEXT_SIZE]; // whose embeddings are searched; "" before the first
    uint32_t dimension;              // D
} rg_client_status_t;

// EINVAL if the endpoint is another service's.
int rg_client_status(rg_client_t *client, rg_client_status_t *status);

// ------------------------------------------------------------------ images
// An image of the set, in a result or a listing: pointers live as long as that.
typedef struct {
    int found; // 0: the set has fewer than k such images, the rest is zeros
    int annotated;
    unsigned char id[RG_CLIENT_ID_SIZE]; // content id, see rg_client_content_id
    float dist_l2sq;     // squared Euclidean distance to the query; 0 in a listing and where random
    const char *name;    // UTF-8, never NULL
    uint64_t generation; // in which it was added
    uint64_t added_ms;   // when: milliseconds since 1970, UTC
    const void *jpeg;    // thumbnail, if asked for, else NULL
    size_t jpeg_size;    // bytes
} rg_client_image_t;

// The id of an image: xxh3-128 of its JPEG bytes, big-endian.
void rg_client_content_id(const void *jpeg, size_t size, unsigned char id[RG_CLIENT_ID_SIZE]);

// ------------------------------------------------------------------ search
enum { RG_CLIENT_ANY = 0, RG_CLIENT_ANNOTATED = 1, RG_CLIENT_UNANNOTATED = 2 };

// Which images may be found: those that meet every condition that is set.
typedef struct {
    const char *name_prefix;      // NULL: any name
    int annotation;               // RG_CLIENT_ANY, ...
    uint64_t added_from_ms;       // since 1970, inclusive
    uint64_t added_until_ms;      // exclusive; 0: no bound
    const unsigned char *exclude; // [n_exclude,16] ids that no query may find, or NULL
    uint32_t n_exclude;
} rg_client_filter_t;

// One request of n searches for k images each. Pointers are borrowed for the call.
typedef struct {
    const char *model;    // that made the queries: embeddings of two models do not mix
    const float *queries; // [n,D] f32, finite; may be NULL where random
    uint32_t n, dimension, k;
    const unsigned char *exclude; // [n,16] an id that query i must not find (its own image), or NULL
    rg_client_filter_t filter;
    uint32_t nprobe;    // lists an IVF index looks into; 0: its default
    uint32_t ef_search; // candidates an HNSW index keeps; 0: its default
    int random;         // nonzero: k random images per query instead of the nearest
    uint64_t seed;      // of random: the same seed on the same set draws the same
    int features;       // nonzero: send what the generator reads of the neighbours
    int thumbnails;     // nonzero: send thumbnails; at most 256 images in all then
} rg_client_search_t;

typedef struct {
    uint64_t generation; // of the set that was searched
    uint64_t size;       // images in it
    uint32_t n, k;
    const rg_client_image_t *images; // [n,k], nearest first; those that are missing come last
    const uint16_t *features;        // [n,k,h,w,C] f16, zeros where missing; NULL unless asked for
    uint32_t features_shape[3];      // h, w, C
    void *reply;                     // what all this lies in
} rg_client_result_t;

// Asks and waits. EMODEL if the server's model is another, ESHAPE if D is not its dimension, ENUMERIC if a
// query is not finite. Destroy *result.
int rg_client_search(rg_client_t *client, const rg_client_search_t *search, rg_client_result_t **result);
void rg_client_result_destroy(rg_client_result_t **result); // tolerates NULL; *result becomes NULL

// The same in two halves, so that several searches are under way at once: send never waits, take waits for
// the result of the search that was sent first and not taken yet, and returns its error if it failed. After
// ETIMEOUT (no answer to anything for timeout_ms) that search is still the first: take again. EINVAL if none
// is under way. Other calls may come between; a few searches in flight keep a server busy.
int rg_client_search_send(rg_client_t *client, const rg_client_search_t *search);
int rg_client_search_take(rg_client_t *client, rg_client_result_t **result);

// ------------------------------------------------------------------ list
typedef struct {
    uint64_t from;  // `next` of the listing before; 0: the first image
    uint32_t limit; // at most so many, 1 to 256 with thumbnails; the server may send fewer
    int missing;    // nonzero: only those that the next model has not embedded yet
    int thumbnails; // nonzero: send thumbnails
    int embeddings; // nonzero: send embeddings
} rg_client_list_t;

typedef struct {
    uint32_t n;
    const rg_client_image_t *images; // [n], in the order in which they were added
    uint64_t next;                   // where to go on; 0: these were the last
    uint64_t missing;                // images that the next model has not embedded yet, in all
    const char *model;               // that made the embeddings
    const float *embeddings;         // [n,D] f32; NULL unless asked for
    uint32_t dimension;              // D; 0 unless asked for
    void *reply;                     // what all this lies in
} rg_client_listing_t;

// Destroy *listing.
int rg_client_list(rg_client_t *client, const rg_client_list_t *list, rg_client_listing_t **listing);
void rg_client_listing_destroy(rg_client_listing_t **listing); // tolerates NULL; *listing becomes NULL

// ------------------------------------------------------------------ add and remove
// For embeddings of your own: announce the model that makes them, then add.
typedef struct {
    const char *name;           // 1 to 255 bytes
    uint32_t dimension;         // D
    uint32_t features_shape[3]; // h, w, C; 1, 1, 1 if there are no features
} rg_client_model_t;

// Makes a model current at once where nothing is stored, else the next one: what it embeds is stored beside
// the old embeddings, which go on serving until no image is missing. Announcing the current model again
// changes nothing. *missing (may be NULL): images this model has not embedded yet. ESHAPE if a model of this
// name has other sizes.
int rg_client_use_model(rg_client_t *client, const rg_client_model_t *model, uint64_t *missing);

// One image to add, borrowed for the call.
typedef struct {
    unsigned char id[RG_CLIENT_ID_SIZE]; // of its JPEG bytes: rg_client_content_id
    const char *name;                    // 1 to 255 bytes, UTF-8
    int annotated;                       // its attributes are known to the training
    const float *embedding;              // [D] f32, finite
    const uint16_t *features;            // [h,w,C] f16; NULL: zeros
    const void *jpeg;                    // thumbnail
    size_t jpeg_size;                    // bytes, at least 1
} rg_client_item_t;

enum { RG_CLIENT_ADDED = 1, RG_CLIENT_DUPLICATE = 2, RG_CLIENT_REFUSED = 3 };

typedef struct {
    int fate;         // RG_CLIENT_ADDED, ...: the first two mean it is durably there
    char reason[160]; // of a refusal
} rg_client_outcome_t;

// Adds n images in one transaction, 1 to 254 and no more than the server takes at once. outcomes [n], the
// caller's. *generation (may be NULL): from which on they are found. EMODEL if the model was not announced or
// is no longer current: nothing is stored then, as with every error.
int rg_client_add(rg_client_t *client, const rg_client_model_t *model, const rg_client_item_t *items,
                  uint32_t n, rg_client_outcome_t *outcomes, uint64_t *generation);

// Removes images; ids [n,16], those that are not there are passed over. *removed (may be NULL): how many were
// there. No later search finds them.
int rg_client_remove(rg_client_t *client, const unsigned char *ids, uint32_t n, uint32_t *removed);

// ------------------------------------------------------------------ index
enum {
    RG_CLIENT_SNAPSHOT = 1, // write the index beside the store, so that it need not be built at a start
    RG_CLIENT_RESTORE = 2,  // take the index from that snapshot, and what it lacks from the store
    RG_CLIENT_REBUILD = 3,  // build the index anew from the store
    RG_CLIENT_VERIFY = 4,   // read all that is stored, and compare index and snapshot with it
    RG_CLIENT_COMPACT = 5   // give back the space of what was removed
};

// Returns when it is done, so timeout_ms must be long enough; searches are answered meanwhile. *report:
// lines of KEY=VALUE, free() it.
int rg_client_index(rg_client_t *client, int action, char **report);

// ------------------------------------------------------------------ embed: ask the encoder, not the server
// Images as queries, looking for the same person with other attributes. Pointers are borrowed for the call.
typedef struct {
    const char *attribute; // a name the training knew
    int value;             // 0 or 1
} rg_client_edit_t;

typedef struct {
    const unsigned char *pixels; // [n,S,S,3] RGB, 0..255
    uint32_t n, size;            // S as configured (data.img_size)
    const rg_client_edit_t *edits;
    uint32_t n_edits; // attributes not named stay as they are
} rg_client_embed_t;

typedef struct {
    const char *model;
    uint32_t n, dimension;
    const float *values; // [n,D] f32
    void *reply;         // what all this lies in
} rg_client_embeddings_t;

// encoder: a client of the encoder's endpoint. ESHAPE if S is not its size, EINVAL for an attribute it does
// not know, ENOENT before it has a checkpoint. Destroy *embeddings.
int rg_client_embed(rg_client_t *encoder, const rg_client_embed_t *embed,
                    rg_client_embeddings_t **embeddings);
void rg_client_embeddings_destroy(rg_client_embeddings_t **embeddings); // tolerates NULL

#ifdef __cplusplus
}
#endif

#endif
