// Configuration: one YAML file for all services, read through libfyaml against one table (config.c) of
// key, type, default, range and help. An unknown key, a wrong type or a value out of range is an error that
// names file, line and key. Every field below is documented by its row: `rg-ctl config --keys` prints them.
#ifndef RG_CONFIG_CONFIG_H
#define RG_CONFIG_CONFIG_H

#include <stdint.h>
#include <stdio.h>

enum { RG_ATTRIBUTES_MAX = 40, RG_CONFIG_TEXT = 256, RG_NAME_SIZE = 64 };

typedef struct {
    int count;
    char name[RG_ATTRIBUTES_MAX][RG_NAME_SIZE];
} rg_names_t;

enum rg_precision { RG_PRECISION_F32, RG_PRECISION_BF16 };
enum rg_targets { RG_TARGETS_HALF, RG_TARGETS_BOTH };
enum rg_schedule { RG_SCHEDULE_CONSTANT, RG_SCHEDULE_LINEAR, RG_SCHEDULE_COSINE, RG_SCHEDULE_STEP };
enum rg_optimizer { RG_OPTIMIZER_SGD, RG_OPTIMIZER_ADAM, RG_OPTIMIZER_ADAMW };
enum rg_gan { RG_GAN_LSGAN, RG_GAN_WGAN_GP };
enum rg_prior { RG_PRIOR_KL, RG_PRIOR_EARTH_MOVER };
enum rg_references { RG_REFERENCES_RANDOM, RG_REFERENCES_FLIPPED };
enum rg_neighbours { RG_NEIGHBOURS_RETRIEVED, RG_NEIGHBOURS_RANDOM, RG_NEIGHBOURS_NONE };
enum rg_evaluate { RG_EVALUATE_TEST, RG_EVALUATE_VALIDATION };
enum rg_pixels { RG_PIXELS_IMAGENET, RG_PIXELS_UNIT, RG_PIXELS_SIGNED, RG_PIXELS_BYTES };
enum rg_retrieval { RG_RETRIEVAL_RANKED, RG_RETRIEVAL_TRIPLET };
enum rg_fusion_form { RG_FUSION_STYLE, RG_FUSION_CONCAT };
enum rg_encoders { RG_ENCODERS_FROZEN, RG_ENCODERS_TRAINED };

// Optimisation, the same keys for every stage.
typedef struct {
    int iterations; // total of the stage
    int batch;      // images per iteration
    int optimizer;  // enum rg_optimizer
    double lr, beta1, beta2, momentum, weight_decay;
    int warmup;           // iterations of linear rise to lr
    int schedule;         // enum rg_schedule
    int step_every;       // iterations between the falls of RG_SCHEDULE_STEP
    double step_factor;   // of each of them
    double clip;          // largest global gradient norm; 0 = no clipping
    double ema;           // decay of the averaged weights, less in the first iterations
    int checkpoint_every; // iterations
    int sample_every;     // iterations between sample grids; 0 = at the end only
} rg_train_config_t;

// Losses of stages 1 and 3, GMM-UNIT section 3 (arXiv 2003.06788): their weights and forms.
typedef struct {
    double recon, cycle, content, attribute, kl, isometry, adversarial, classify;
    int prior;                  // enum rg_prior: the form of kl
    int gan;                    // enum rg_gan: the form of adversarial
    double penalty;             // weight: gradient penalty of RG_GAN_WGAN_GP
    double perceptual;          // weight, 0: none
    char vgg16[RG_CONFIG_TEXT]; // its network, ONNX
} rg_loss_weights_t;

typedef struct rg_config {
    uint64_t seed;
    char run[RG_CONFIG_TEXT]; // run directory: checkpoints, metrics, grids, store, sockets
    int threads;
    int precision; // enum rg_precision, of training
    int targets;   // enum rg_targets, of stages 1 and 3
    struct {
        char root[RG_CONFIG_TEXT]; // CelebA directory, or folder of JPEGs, or the folder of `list`'s images
        char list[RG_CONFIG_TEXT]; // name<TAB>00101 file; "" = CelebA files or plain folder
        rg_names_t attributes;     // the domains to edit, in the order of the codes
        rg_names_t exclusive;      // of which at most one is set (hair colours)
        double annotated;          // fraction of the training images whose annotation may be used
        int crop; // square side in source pixels; 0 = 178 for 178x218, else the largest square
        int img_size;
        int references; // enum rg_references, of stages 1 and 3
        double jitter;  // largest relative brightness and contrast change
    } data;
    struct {
        int gf, n_res, df, d_layers, d_scales;
        int attr_dims;   // code dims per attribute
        double attr_std; // of each attribute's Gaussian components
        int mlp;         // width of G's attribute MLP
        int retrieval;   // enum rg_retrieval
        int embed_dim;   // R's output
        double dropout;  // in R's head
        int k;           // neighbours per decode in stage 3
        int fusion;      // enum rg_fusion_form
        int attention;   // G masks what it changes
    } model;
    rg_train_config_t classifier, stage1, stage2, stage3;
    rg_loss_weights_t stage1_loss, stage3_loss;
    int stage3_encoders; // enum rg_encoders
    struct {
        double sharpness, content; // of the ranking loss
    } ranking;
    struct {
        double margin;
        int easy, medium, hard, hardest; // which negatives are on
    } triplet;
    struct {
        char path[RG_CONFIG_TEXT];  // store directory; "" = RUN/store
        char index[RG_CONFIG_TEXT]; // FAISS index_factory string
        int neighbours;             // enum rg_neighbours: the controls are `random` and `none`
        int pool;                   // stage 3's k are drawn from so many of the nearest
        int map_size_gib;           // LMDB address range = upper bound of the store
        int k_max, batch_max;       // largest accepted k and queries or adds per request
        int nprobe, ef_search;      // effort of an approximate search that names none
    } retrieval;
    struct {
        int split;   // enum rg_evaluate
        int images;  // of the split; 0 = all
        int sources; // of them, those translated `outputs` times, for diversity
        int outputs;
        int k; // of P@k
        int batch;
        int follow; // images of the evaluation that each new checkpoint gets by itself; 0 = none
        char cache[RG_CONFIG_TEXT]; // folder of what the extractor says of real images; "" = RUN/features
        struct {
            char file[RG_CONFIG_TEXT];     // ONNX; "" = the built-in classifier
            char features[RG_CONFIG_TEXT]; // name of a value
            char classes[RG_CONFIG_TEXT];  // name of a value: probabilities; "" = none
            int size;                      // of the images it sees; 0 = img_size
            int pixels;                    // enum rg_pixels
        } extractor;
        struct {
            char file[RG_CONFIG_TEXT]; // ONNX; "" = no LPIPS
            rg_names_t layers;         // names of values
            char weights[RG_CONFIG_TEXT];
            int size;
        } lpips;
    } evaluation;
    struct {
        char loader[RG_CONFIG_TEXT], encoder[RG_CONFIG_TEXT], retrieval[RG_CONFIG_TEXT],
            trainer[RG_CONFIG_TEXT], evaluator[RG_CONFIG_TEXT],
            gateway[RG_CONFIG_TEXT]; // zmq endpoints; "" = ipc://RUN/<service>.ipc
        int insecure;                // allow tcp beyond loopback without CURVE
    } endpoints;
    struct {
        char keys[RG_CONFIG_TEXT];     // folder of keys, wire/curve.h; "": tcp is not encrypted
        char identity[RG_CONFIG_TEXT]; // whose key a process shows when it asks
    } security;
    struct {
        char address[RG_CONFIG_TEXT];                                // where the ports below listen
        int loader, encoder, retrieval, trainer, evaluator, gateway; // 0: off; see rg_config_http_port
        char token[RG_CONFIG_TEXT];                                  // file of the gateway's token
    } http;
    struct {
        int message_max_mib; // ZMQ_MAXMSGSIZE
        int queue;           // high-water mark, messages
        int heartbeat_ms;
        int credit;         // requests a consumer keeps in flight
        int waiting;        // requests a service has in work, at most half of them from one client
        int unread_mib;     // replies a service holds that are not read yet, half of it of one client
        int connections;    // to a service at a time
        int timeout_ms;     // of a rg-ctl request to a service that does not answer
        int image_max_mib;  // largest JPEG taken
        int image_max_side; // largest width or height taken
    } limits;
} rg_config_t;

// Defaults only.
void rg_config_init(rg_config_t *config);

// The file that RG_CONFIG names, for programs that were given none; NULL: it names none.
const char *rg_config_from_environment(void);

// Defaults, then the file (NULL: none), then the words KEY=VALUE of the environment variable RG_SET, then n
// overrides "key=value" as from --set. Derived values (empty paths and endpoints) are filled in. RG_ENOENT,
// RG_ECONFIG with file, line and key.
int rg_config_load(rg_config_t *config, const char *path, const char *const *overrides, int n);

// All keys and values as YAML that rg_config_load_text reads back; free() it. Travels in checkpoints.
char *rg_config_dump(const rg_config_t *config);
int rg_config_load_text(rg_config_t *config, const char *yaml, const char *origin);

// One line per key: name, default, range, help.
void rg_config_help(FILE *out);

// The port of http.SERVICE, 0 if it is off or there is no such service.
int rg_config_http_port(const rg_config_t *config, const char *service);

// Position of an attribute among config->data.attributes, or RG_ECONFIG with the names to choose from.
int rg_config_attribute(const rg_config_t *config, const char *name);

// Position of name in names, or -1.
int rg_names_find(const rg_names_t *names, const char *name);

// "RUN/name" into out[RG_CONFIG_TEXT + RG_NAME_SIZE].
enum { RG_PATH_SIZE = RG_CONFIG_TEXT + RG_NAME_SIZE };
void rg_config_path(const rg_config_t *config, const char *name, char out[RG_PATH_SIZE]);

#endif
