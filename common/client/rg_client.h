// librg_client: the retrieval set of RG-UNIT from your own program. It searches, lists, adds and removes
// images.
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
//            query = calloc(set.dimension, sizeof *query); // put your query here
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
// Letters: n queries or images, k neighbours, D floats of an embedding, [h,w,C] features as 16-bit floats
// (IEEE binary16), S the side of an image in pixels. Arrays are row-major, in the byte order of the machine.
//
// Errors. A function that can fail returns 0 or a negative RG_CLIENT_E... code. It writes results only on
// success, and rg_client_error() gives a sentence that says what went wrong and where. Every function that
// sends a request may return:
//   ETIMEOUT                   no answer in time; the sentence names the endpoint
//   EINVAL                     an argument is missing, or the server does not take such a request
//   ELIMIT                     too much for one message or for the server
//   EFORMAT, ESHAPE, EVERSION  the two sides do not understand each other
//   EIO, EFULL                 the disk of the server
//   EREMOTE                    an error that this version does not know
// Other errors are listed at the function. Out of memory ends the process.
//
// Connections. Opening does not wait for the server, which may start later or be restarted at any time.
// Requests without an answer are sent again then. A repeated request does no harm: an image that is added
// twice is stored once, and the second answer is DUPLICATE. Endpoints are ipc://PATH or tcp://HOST:PORT. tcp
// is encrypted if there are keys; beyond loopback it needs keys or the option `insecure`.
//
// Threads. Use a client from one thread at a time and not across fork(); give each thread a client of its
// own. Results may outlive their client and move between threads; they live until they are destroyed.
// rg_client_error() is per thread. The library starts no threads except ZeroMQ's, prints nothing and does not
// touch signals.
//
// Argument structs may get new fields at their end in a later version, which then has another soname. Zero
// them before filling them: zeros are the defaults.
#ifndef RG_CLIENT_H
#define RG_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RG_CLIENT_EINVAL = -1,    // a bad argument, or a request that the server does not take
    RG_CLIENT_EIO = -2,       // input or output, here or at the server
    RG_CLIENT_ENOENT = -3,    // the encoder has no checkpoint yet
    RG_CLIENT_EFORMAT = -4,   // the reply is malformed or of another kind
    RG_CLIENT_ESHAPE = -5,    // sizes differ from the model's
    RG_CLIENT_ELIMIT = -6,    // over a limit, which the sentence names
    RG_CLIENT_EVERSION = -7,  // the server speaks another version
    RG_CLIENT_ECONFIG = -8,   // an invalid endpoint, or one that needs `insecure`
    RG_CLIENT_EMODEL = -9,    // the server has another model
    RG_CLIENT_ETIMEOUT = -10, // no answer in time
    RG_CLIENT_ESTOPPED = -11, // the server was stopped
    RG_CLIENT_EBUSY = -12,    // the server cannot do this now; try again
    RG_CLIENT_EFULL = -13,    // no space left at the server
    RG_CLIENT_ENUMERIC = -14, // a number is not finite
    RG_CLIENT_EREMOTE = -15,  // a server error that this version does not know
    RG_CLIENT_EACCES = -17,   // others may read the key file, or the role of the key does not allow it
    RG_CLIENT_ECRASH = -18    // the server ended twice when it had this request, which is not sent again
};

enum { RG_CLIENT_ID_SIZE = 16, RG_CLIENT_TEXT_SIZE = 256 };

// The sentence of the last error of this thread, "" if there was none. Valid until the next error.
const char *rg_client_error(void);

// ---- open and close
typedef struct rg_client rg_client_t;

typedef struct {
    int timeout_ms;       // how long a call waits for its answer; 0: 30 s, negative: no limit
    int message_max_mib;  // largest array sent or taken, 1 to 2047; 0: 64. Use limits.message_max_mib of the
                          // server, or its larger replies are lost
    int insecure;         // nonzero: allow tcp beyond loopback without keys, unencrypted
    const char *keys;     // folder with server.key and IDENTITY.key_secret (rg-ctl keys add), which encrypts
                          // tcp; NULL: no encryption
    const char *identity; // name of the key to use; NULL: "services"
} rg_client_options_t;

// options: NULL for the defaults. endpoint and options are borrowed for the call. EINVAL, ECONFIG, EIO.
int rg_client_open(rg_client_t **client, const char *endpoint, const rg_client_options_t *options);

// Tolerates NULL; *client becomes NULL. Requests without an answer are dropped.
void rg_client_close(rg_client_t **client);

// ---- status
typedef struct {
    uint64_t generation;             // grows with every change of the searchable images
    uint64_t images;                 // searchable images
    char model[RG_CLIENT_TEXT_SIZE]; // model of the embeddings that are searched; "": none yet
    uint32_t dimension;              // D
} rg_client_status_t;

// EINVAL if the endpoint belongs to another service.
int rg_client_status(rg_client_t *client, rg_client_status_t *status);

// ---- images
// An image of the set. Its pointers live as long as the result or listing that it belongs to.
typedef struct {
    int found; // 0: fewer than k images match; all other fields are zero
    int annotated;
    unsigned char id[RG_CLIENT_ID_SIZE]; // content id, see rg_client_content_id
    float dist_l2sq;     // squared Euclidean distance to the query; 0 in a listing and for random images
    const char *name;    // UTF-8, never NULL
    uint64_t generation; // generation in which it was added
    uint64_t added_ms;   // time of adding, milliseconds since 1970, UTC
    const void *jpeg;    // thumbnail if requested, else NULL
    size_t jpeg_size;    // bytes
} rg_client_image_t;

// The id of an image: xxh3-128 of the bytes of its file (JPEG, PNG or WebP), big-endian.
void rg_client_content_id(const void *file, size_t size, unsigned char id[RG_CLIENT_ID_SIZE]);

// ---- search
enum { RG_CLIENT_ANY = 0, RG_CLIENT_ANNOTATED = 1, RG_CLIENT_UNANNOTATED = 2 };

// Conditions: a search finds only images that meet all conditions that are set.
typedef struct {
    const char *name_prefix;      // NULL: any name
    int annotation;               // RG_CLIENT_ANY, ...
    uint64_t added_from_ms;       // since 1970, inclusive
    uint64_t added_until_ms;      // exclusive; 0: no bound
    const unsigned char *exclude; // [n_exclude,16] at most 4096 ids that no query finds, or NULL
    uint32_t n_exclude;
} rg_client_filter_t;

// One request of n searches for k images each. Pointers are borrowed for the call.
typedef struct {
    const char *model;    // model of the queries; embeddings of two models do not mix
    const float *queries; // [n,D] f32, finite; may be NULL if random
    uint32_t n, dimension, k;
    const unsigned char *exclude; // [n,16] an id that query i does not find (its own image), or NULL
    rg_client_filter_t filter;
    uint32_t nprobe;    // lists that an IVF index searches; 0: its default
    uint32_t ef_search; // candidates that an HNSW index keeps, at most 4096, and 131072 / n; 0: its default
    int random;         // nonzero: k random images per query instead of the nearest
    uint64_t seed;      // of random: the same seed draws the same images from the same set
    int features;       // nonzero: send the features that the generator reads of neighbours
    int thumbnails;     // nonzero: send thumbnails, then n * k is at most 256
} rg_client_search_t;

typedef struct {
    uint64_t generation; // generation of the set that was searched
    uint64_t size;       // images in it
    uint32_t n, k;
    const rg_client_image_t *images; // [n,k], nearest first, missing ones last
    const uint16_t *features;        // [n,k,h,w,C] f16, zeros for missing images; NULL unless requested
    uint32_t features_shape[3];      // h, w, C
    void *reply;                     // private: memory of all of this
} rg_client_result_t;

// Sends the search and waits. EMODEL if the server has another model, ESHAPE if D is not its dimension,
// ENUMERIC if a query is not finite. Destroy *result.
int rg_client_search(rg_client_t *client, const rg_client_search_t *search, rg_client_result_t **result);
void rg_client_result_destroy(rg_client_result_t **result); // tolerates NULL; *result becomes NULL

// The same in two halves, so that several searches are under way at once. send never waits. take waits for
// the oldest search that was sent and not taken, and gives its result or its error. ETIMEOUT: no answer to
// any search came for timeout_ms; the search stays the oldest, so take may be called again. EINVAL: no search
// is under way. Other calls may come between. A few searches in flight keep a server busy.
int rg_client_search_send(rg_client_t *client, const rg_client_search_t *search);
int rg_client_search_take(rg_client_t *client, rg_client_result_t **result);

// ---- list
typedef struct {
    uint64_t from;  // `next` of the previous listing; 0: the first image
    uint32_t limit; // most images, 1 to 256 with thumbnails; the server may send fewer
    int missing;    // nonzero: only images that the next model has not embedded yet
    int thumbnails; // nonzero: send thumbnails
    int embeddings; // nonzero: send embeddings
} rg_client_list_t;

typedef struct {
    uint32_t n;
    const rg_client_image_t *images; // [n], in the order in which they were added
    uint64_t next;                   // `from` of the next listing; 0: these were the last images
    uint64_t missing;                // images that the next model has not embedded yet, in all
    const char *model;               // model of the embeddings
    const float *embeddings;         // [n,D] f32; NULL unless requested
    uint32_t dimension;              // D; 0 unless requested
    void *reply;                     // private: memory of all of this
} rg_client_listing_t;

// Destroy *listing.
int rg_client_list(rg_client_t *client, const rg_client_list_t *list, rg_client_listing_t **listing);
void rg_client_listing_destroy(rg_client_listing_t **listing); // tolerates NULL; *listing becomes NULL

// ---- add and remove
// To add embeddings of your own, announce the model that makes them, then add.
typedef struct {
    const char *name;           // 1 to 255 bytes
    uint32_t dimension;         // D
    uint32_t features_shape[3]; // h, w, C; 1, 1, 1 without features
} rg_client_model_t;

// Announces a model. If no image is stored it becomes the current model at once. Otherwise it becomes the
// next model: its embeddings are stored beside the current ones, which are searched until no image is
// missing. Announcing the current model again changes nothing. *missing (may be NULL): images that this model
// has not embedded yet. ESHAPE if a model of this name has other sizes.
int rg_client_use_model(rg_client_t *client, const rg_client_model_t *model, uint64_t *missing);

// One image to add, borrowed for the call. Its name is stored as at most 255 bytes of UTF-8 without control
// characters: other bytes become %XX, and of a longer name the end is kept, behind "~" HASH "~".
typedef struct {
    unsigned char id[RG_CLIENT_ID_SIZE]; // of its file: rg_client_content_id
    const char *name;                    // 1 byte or more
    int annotated;                       // nonzero: its attributes are known to the training
    const float *embedding;              // [D] f32, finite
    const uint16_t *features;            // [h,w,C] f16; NULL: zeros
    const void *jpeg;                    // thumbnail
    size_t jpeg_size;                    // bytes, at least 1
} rg_client_item_t;

enum { RG_CLIENT_ADDED = 1, RG_CLIENT_DUPLICATE = 2, RG_CLIENT_REFUSED = 3 };

typedef struct {
    int fate;         // RG_CLIENT_ADDED, ...; after ADDED and DUPLICATE the image is on the disk
    char reason[160]; // of a refusal
} rg_client_outcome_t;

// Adds n images in one transaction, 1 to 254 and at most what the server takes at once. outcomes [n] is the
// caller's. *generation (may be NULL): the first generation in which they are found. EMODEL if the model was
// not announced or is not current any more. After an error nothing is stored.
int rg_client_add(rg_client_t *client, const rg_client_model_t *model, const rg_client_item_t *items,
                  uint32_t n, rg_client_outcome_t *outcomes, uint64_t *generation);

// Removes the images with these ids [n,16]; unknown ids are ignored. *removed (may be NULL): the number of
// removed images. No later search finds them.
int rg_client_remove(rg_client_t *client, const unsigned char *ids, uint32_t n, uint32_t *removed);

// ---- index
enum {
    RG_CLIENT_SNAPSHOT = 1, // write the index to a file beside the store, so that a start does not build it
    RG_CLIENT_RESTORE = 2,  // read the index from that snapshot, and the images that it lacks from the store
    RG_CLIENT_REBUILD = 3,  // build the index anew from the store
    RG_CLIENT_VERIFY = 4,   // read everything that is stored and compare index and snapshot with it
    RG_CLIENT_COMPACT = 5   // free the disk space of removed images
};

// Returns when the action is done, so timeout_ms must be long enough. The server answers searches meanwhile.
// *report: lines of KEY=VALUE, free() it.
int rg_client_index(rg_client_t *client, int action, char **report);

// ---- embed: of the encoder, not of the retrieval service
// Embeds images as queries for images with the same content and other attributes. Pointers are borrowed for
// the call.
typedef struct {
    const char *attribute; // a name that the training had
    int value;             // 0 or 1
} rg_client_edit_t;

typedef struct {
    const unsigned char *pixels; // [n,S,S,3] RGB, 0..255
    uint32_t n, size;            // S as configured (data.img_size)
    const rg_client_edit_t *edits;
    uint32_t n_edits; // other attributes stay as they are
} rg_client_embed_t;

typedef struct {
    const char *model;
    uint32_t n, dimension;
    const float *values; // [n,D] f32
    void *reply;         // private: memory of all of this
} rg_client_embeddings_t;

// encoder: a client of the endpoint of the encoder. ESHAPE if S is not its size, EINVAL for an unknown
// attribute, ENOENT before it has a checkpoint. Destroy *embeddings.
int rg_client_embed(rg_client_t *encoder, const rg_client_embed_t *embed,
                    rg_client_embeddings_t **embeddings);
void rg_client_embeddings_destroy(rg_client_embeddings_t **embeddings); // tolerates NULL

#ifdef __cplusplus
}
#endif

#endif
