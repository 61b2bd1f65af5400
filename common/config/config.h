// The configuration: one YAML file for all services, read through libfyaml against one table (table.c) of
// key, type, default, range and help. An unknown key, a wrong type or a value out of range is an error that
// names file, line and key. Each field below is the key of the same path: data.img_size is `img_size` of
// `data`. `rg-ctl config --keys` prints the help of all keys.
//
// Each section is a type of its own, so that a module can take the section that it needs. A choice is an int:
// the comment names the enum and the header that defines it.
#ifndef RG_CONFIG_CONFIG_H
#define RG_CONFIG_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { RG_ATTRIBUTES_MAX = 40, RG_CONFIG_TEXT = 256, RG_NAME_SIZE = 64, RG_CONFIG_KEYS_MAX = 256 };

// A list of names, such as attributes.
typedef struct {
    int count;
    char name[RG_ATTRIBUTES_MAX][RG_NAME_SIZE];
} rg_names_t;

// Choices that several modules read.
enum rg_precision { RG_PRECISION_F32, RG_PRECISION_BF16 };
enum rg_neighbours { RG_NEIGHBOURS_RETRIEVED, RG_NEIGHBOURS_RANDOM, RG_NEIGHBOURS_NONE };
enum rg_classifier_images { RG_CLASSIFIER_ANNOTATED, RG_CLASSIFIER_OTHERS };

// data: the images to train on and their annotation.
typedef struct {
    char root[RG_CONFIG_TEXT]; // folder of the data set (common/data/dataset.h); "": none
    char list[RG_CONFIG_TEXT]; // file of name<TAB>00101 lines; "": what lies in root
    rg_names_t attributes;     // attributes to edit, in the order of the codes
    rg_names_t exclusive;      // attributes of which an image has at most one (classes, hair colours)
    double broken_share;       // share of the training images that may be broken
    double annotated;          // fraction of the training images whose annotation may be used
    int crop;       // side of the square in source pixels; 0: 178 for 178x218, else the largest square
    int img_size;   // side of the images that the networks see
    int references; // enum rg_references (services/trainer/translation.h), of stages 1 and 3
    double jitter;  // largest relative change of brightness and contrast
} rg_data_config_t;

// model: the sizes and forms of the networks.
typedef struct {
    int gf, n_res;              // first width and residual blocks of E_c, E_a and G
    int df, d_layers, d_scales; // first width, strided convolutions and image scales of D
    int attr_dims;              // code dimensions per attribute
    double attr_std;            // standard deviation of the Gaussian components of an attribute
    int mlp;                    // width of the attribute MLP of G
    int retrieval;              // enum rg_retrieval (common/model/embedder.h)
    int embed_dim;              // width of the embedding that R gives
    double dropout;             // in the head of R
    int k;                      // neighbours per decode in stage 3
    int fusion;                 // enum rg_fusion_form (common/model/generator.h)
    int detail;                 // 1: translations keep the detail that G does not rebuild
} rg_model_config_t;

// classifier, stage1, stage2, stage3: optimisation, the same keys for each stage.
typedef struct {
    int iterations; // length of the stage
    int batch;      // images per iteration
    int optimizer;  // enum rg_optimizer (common/nn/optim.h)
    double lr, beta1, beta2, momentum, weight_decay;
    int warmup;           // iterations of linear rise to lr
    int schedule;         // enum rg_schedule (common/nn/optim.h)
    int step_every;       // of RG_SCHEDULE_STEP: iterations between two falls of lr
    double step_factor;   // of RG_SCHEDULE_STEP: factor of each fall
    double clip;          // largest global gradient norm; 0: no clipping
    double ema;           // decay of the averaged weights; smaller in the first iterations
    int checkpoint_every; // iterations
    int sample_every;     // iterations between sample grids; 0: only at the end
} rg_train_config_t;

// stage1.loss, stage3.loss: weights and forms of the losses, GMM-UNIT section 3 (arXiv 2003.06788).
typedef struct {
    double recon, cycle, content, attribute, kl, isometry, adversarial, classify;
    int prior;                  // enum rg_prior (common/model/encoders.h): the form of kl
    int gan;                    // enum rg_gan (common/model/discriminator.h): the form of adversarial
    double penalty;             // weight of the gradient penalty of RG_GAN_WGAN_GP
    double perceptual;          // weight; 0: no perceptual loss
    char vgg16[RG_CONFIG_TEXT]; // ONNX file of the network of the perceptual loss
} rg_loss_weights_t;

// ranking: the loss of a ranked R.
typedef struct {
    double sharpness, content;
} rg_ranking_config_t;

// triplet: the loss of the paper's R.
typedef struct {
    double margin;
    int easy, medium, hard, hardest; // 1: these negatives are used
} rg_triplet_config_t;

// retrieval: the retrieval set and its searches.
typedef struct {
    char path[RG_CONFIG_TEXT];  // store directory; "": RUN/store
    char index[RG_CONFIG_TEXT]; // FAISS index_factory string
    int neighbours;             // enum rg_neighbours; `random` and `none` are controls
    int pool;                   // stage 3 draws its k neighbours from this number of the nearest
    int map_size_gib;           // LMDB address range: upper bound of the store
    int k_max, batch_max;       // largest accepted k, and queries or images per request
    int nprobe, ef_search;      // effort of an approximate search whose request does not name one
} rg_retrieval_config_t;

// evaluation.extractor: the network whose features are compared.
typedef struct {
    char file[RG_CONFIG_TEXT];     // ONNX; "": the built-in classifier
    char features[RG_CONFIG_TEXT]; // name of the value with the features
    char classes[RG_CONFIG_TEXT];  // name of the value with the class probabilities; "": the network has none
    int size;                      // side of the images that it sees; 0: img_size
    int pixels;                    // enum rg_pixels (services/evaluator/extractor.h)
} rg_extractor_config_t;

// evaluation.lpips: the network of LPIPS.
typedef struct {
    char file[RG_CONFIG_TEXT];    // ONNX; "": no LPIPS
    rg_names_t layers;            // names of the values whose maps are compared
    char weights[RG_CONFIG_TEXT]; // safetensors file
    int size;                     // side of the images that it sees; 0: img_size
} rg_lpips_config_t;

// evaluation.identity: the face-recognition network that compares a translation with its source.
typedef struct {
    char file[RG_CONFIG_TEXT];     // ONNX; "": identity is not measured
    char features[RG_CONFIG_TEXT]; // name of the value with the embedding of a face
    int size;                      // side of the images that it sees; 0: img_size
    int pixels;                    // enum rg_pixels (services/evaluator/extractor.h)
} rg_identity_config_t;

// inference: the networks of the encoder and of the evaluator.
typedef struct {
    char device[RG_CONFIG_TEXT]; // as rg_config_t's
    int precision;               // enum rg_precision
} rg_inference_config_t;

// evaluation: what is measured, and on which images.
typedef struct {
    int split;   // enum rg_evaluate (services/evaluator/evaluation.h)
    int images;  // of the split; 0: all
    int sources; // images whose translations are drawn `outputs` times, for diversity
    int outputs;
    int k; // of P@k
    int batch;
    int follow;                 // images of the evaluation of each new checkpoint; 0: no such evaluation
    char cache[RG_CONFIG_TEXT]; // folder of the features of real images; "": RUN/features
    rg_extractor_config_t extractor;
    rg_lpips_config_t lpips;
    rg_identity_config_t identity;
} rg_evaluation_config_t;

// endpoints: ZeroMQ addresses of the services; "": ipc://RUN/SERVICE.ipc.
typedef struct {
    char loader[RG_CONFIG_TEXT], encoder[RG_CONFIG_TEXT], retrieval[RG_CONFIG_TEXT], trainer[RG_CONFIG_TEXT],
        evaluator[RG_CONFIG_TEXT], gateway[RG_CONFIG_TEXT];
    int insecure; // 1: allow tcp beyond loopback without CURVE
} rg_endpoints_config_t;

// security: encryption and access control of tcp.
typedef struct {
    char keys[RG_CONFIG_TEXT];     // folder of keys (common/wire/keypair.h); "": tcp is not encrypted
    char identity[RG_CONFIG_TEXT]; // name of the key that a process shows to the services it asks
} rg_security_config_t;

// http: ports of /metrics and /healthz, and of the page of the gateway.
typedef struct {
    char address[RG_CONFIG_TEXT];                                // address that all ports listen on
    int loader, encoder, retrieval, trainer, evaluator, gateway; // 0: no port; see rg_config_http_port
    char token[RG_CONFIG_TEXT];                                  // file of the token of the gateway
} rg_http_config_t;

// limits: bounds of messages, queues and images.
typedef struct {
    int message_max_mib; // ZMQ_MAXMSGSIZE
    int queue;           // high-water mark, messages
    int heartbeat_ms;
    int credit;         // requests that a consumer keeps in flight
    int waiting;        // requests that a service has in work; one client may have half of them
    int unread_mib;     // replies that a service holds until they are read; half may be of one client
    int connections;    // to a service at a time
    int timeout_ms;     // of a request of rg-ctl to a service that does not answer
    int image_max_mib;  // largest image file accepted
    int image_max_side; // largest width or height accepted
} rg_limits_config_t;

typedef struct rg_config {
    uint64_t seed;
    char run[RG_CONFIG_TEXT];    // run directory: checkpoints, metrics, grids, store, sockets
    int threads;                 // of the compute engine, per process
    char device[RG_CONFIG_TEXT]; // of training: "cpu", "gpu", "gpu:N" or "auto"
    rg_inference_config_t inference;
    int precision; // enum rg_precision, of training
    int targets;   // enum rg_targets (services/trainer/translation.h), of stages 1 and 3
    rg_data_config_t data;
    rg_model_config_t model;
    rg_train_config_t classifier, stage1, stage2, stage3;
    rg_loss_weights_t stage1_loss, stage3_loss; // stage1.loss, stage3.loss
    int classifier_images; // classifier.images: enum rg_classifier_images, that the classifier learns from
    int stage3_encoders;   // stage3.encoders: enum rg_encoders (common/model/stage.h)
    rg_ranking_config_t ranking;
    rg_triplet_config_t triplet;
    rg_retrieval_config_t retrieval;
    rg_evaluation_config_t evaluation;
    rg_endpoints_config_t endpoints;
    rg_security_config_t security;
    rg_http_config_t http;
    rg_limits_config_t limits;
    unsigned char origin[RG_CONFIG_KEYS_MAX]; // enum rg_origin of each key, in the order of rg_config_setting
} rg_config_t;

// Sets the defaults.
void rg_config_init(rg_config_t *config);

// The file that the environment variable RG_CONFIG names, for programs without --config. NULL if it is empty.
const char *rg_config_from_environment(void);

// Loads the defaults, then the file (NULL: no file), then the words KEY=VALUE of the environment variable
// RG_SET, then n overrides KEY=VALUE, as from --set. Without data.attributes the classes of a folder per
// class (classes.h) become the attributes. Then fills in the empty paths and endpoints that lie below `run`,
// and checks the whole. Relative paths stay as they are: they are relative to the current directory.
// RG_ENOENT, RG_ECONFIG with file, line and key: *config is unchanged.
int rg_config_load(rg_config_t *config, const char *path, const char *const *overrides, int n);

// All keys and values as YAML, which rg_config_load reads back; free() it. Checkpoints contain it.
char *rg_config_dump(const rg_config_t *config);
char *rg_config_dump_json(const rg_config_t *config); // the same as one line of JSON

// Compares keys with those of a dump, which may be of another version of this program: a key that the dump
// does not have, or a value that this version does not know, is not compared. Returns the keys that differ as
// "model.gf 8, not 16; data.img_size 32, not 64", the values of the dump first; free() it. NULL: all are
// equal.
char *rg_config_compare(const rg_config_t *config, const char *dump, const char *const *keys, int n);

// Where the value of a key comes from: --set and RG_SET override the file.
enum rg_origin { RG_ORIGIN_DEFAULT, RG_ORIGIN_FILE, RG_ORIGIN_OVERRIDE };

// A key with its value as YAML; free(value).
typedef struct {
    char key[RG_NAME_SIZE];
    char *value;
    enum rg_origin origin;
} rg_config_setting_t;

// Fills the i-th key. 0: i is beyond the last key; else 1.
int rg_config_setting(const rg_config_t *config, size_t i, rg_config_setting_t *setting);

// Prints one line per key: name, help, range, default.
void rg_config_help(FILE *out);

// The port of http.SERVICE; 0 if it is off or the service is unknown.
int rg_config_http_port(const rg_config_t *config, const char *service);

// The position of an attribute in config->data.attributes, or RG_ECONFIG with the names to choose from.
int rg_config_attribute(const rg_config_t *config, const char *name);

// The position of name in names, or -1.
int rg_names_find(const rg_names_t *names, const char *name);

// Writes "RUN/name" to out.
enum { RG_PATH_SIZE = RG_CONFIG_TEXT + RG_NAME_SIZE };
void rg_config_path(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE]);

#endif
