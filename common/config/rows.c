// A row is TYPE(field, default, range, help). The key is the path of the field in its struct, and the default
// is written as in a configuration file, so neither is repeated. The rows of rg_train_config_t and
// rg_loss_weights_t serve several sections; rg__sections below gives each its prefix and its place.
#include "common/config/rows.h"

#define ROW(field, ...)                                                                                      \
    {                                                                                                        \
        .key = #field, .offset = offsetof(STRUCT, field), __VA_ARGS__                                        \
    }
#define INT(field, fallback, min, max, help)    ROW(field, RG_KEY_INT, #fallback, min, max, help)
#define NUMBER(field, fallback, min, max, help) ROW(field, RG_KEY_DOUBLE, #fallback, min, max, help)
#define BOOL(field, fallback, help)             ROW(field, RG_KEY_BOOL, #fallback, 0, 1, help)
#define TEXT(field, fallback, help)             ROW(field, RG_KEY_TEXT, fallback, 0, 0, help)
#define NAMES(field, fallback, help)            ROW(field, RG_KEY_NAMES, fallback, 0, 0, help)
#define CHOICE(field, fallback, choices, help)  ROW(field, RG_KEY_CHOICE, #fallback, 0, 0, help, choices)
#define CHOICES(...)                                                                                         \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }
#define ENDPOINT(service)                                                                                    \
    TEXT(endpoints.service, "",                                                                              \
         "address it listens on: ipc://PATH or tcp://HOST:PORT; empty: ipc://RUN/SERVICE.ipc")
#define HTTP_PORT(service)                                                                                   \
    INT(http.service, 0, 0, 65535, "port of its /metrics, /healthz and /livez; 0: none")

// The defaults are the paper's setting at 128 px.
#define STRUCT rg_config_t
static const rg__row_t general[] = {
    ROW(seed, RG_KEY_U64, "1", 0, 0, "of all random numbers"),
    TEXT(run, "run",
         "run directory: checkpoints, metrics, grids, store, sockets; as every path here, relative to the "
         "current directory"),
    INT(threads, 2, 1, 1024, "threads of the compute engine, per process"),
    TEXT(device, "cpu",
         "of training: cpu; gpu, the first GPU with an OpenCL driver; gpu:N, device N of rg-ctl device; or "
         "auto, the fastest by rg-ctl device --bench, else cpu"),
    TEXT(inference.device, "cpu", "of the encoder and of the evaluator, as device"),
    CHOICE(inference.precision, f32, CHOICES("f32", "bf16"),
           "of the encoder and of the evaluator, as precision"),
    CHOICE(
        precision, f32, CHOICES("f32", "bf16"),
        "training: bf16 rounds the inputs of convolutions where that is faster; weights and sums stay f32"),
    CHOICE(targets, half, CHOICES("half", "both"),
           "stages 1 and 3: half of a batch is translated to sampled codes and half to references, or each "
           "image to both"),

    TEXT(
        data.root, "data",
        "the data set: CelebA or CelebA-HQ as distributed, a folder per class (train/cat, val/dog), a folder "
        "of images, or the folder of the images of data.list; empty: none"),
    TEXT(data.list, "", "file of name<TAB>00101 lines; empty: what lies in data.root"),
    NAMES(data.attributes, "Black_Hair Blond_Hair Brown_Hair Male Young",
          "attributes to edit, in the order of the codes; not given: the classes of a folder per class"),
    NAMES(data.exclusive, "Black_Hair Blond_Hair Brown_Hair",
          "attributes of which an image has at most one; not given: the classes or hair colours that are "
          "among data.attributes"),
    NUMBER(data.broken_share, 0.01, 0, 1,
           "broken or missing images are left out of training up to this share of the training images, at "
           "least one; 0: the first one ends the stage"),
    NUMBER(data.annotated, 1, 0, 1, "fraction of the training images whose annotation may be used"),
    INT(data.crop, 0, 0, 8192,
        "side of the centred square in source pixels; 0: 178 for 178x218, else the largest"),
    INT(data.img_size, 128, 16, 1024, "side of the images that the networks see; divisible by 4"),
    CHOICE(data.references, random, CHOICES("random", "flipped"),
           "reference targets of stages 1 and 3: random images, or images that show the source with one "
           "attribute flipped"),
    NUMBER(data.jitter, 0.005, 0, 1, "largest relative change of brightness and contrast in training"),

    INT(model.gf, 64, 1, 1024, "width of the first layer of E_c, E_a and G"),
    INT(model.n_res, 4, 1, 16, "residual blocks of E_c and of G"),
    INT(model.df, 64, 1, 1024, "width of the first layer of D"),
    INT(model.d_layers, 5, 1, 8, "strided convolutions of D, per scale"),
    INT(model.d_scales, 2, 1, 4, "image scales that D sees"),
    INT(model.attr_dims, 8, 1, 256, "code dimensions per attribute"),
    NUMBER(model.attr_std, 0.5, 1e-3, 10, "standard deviation of the Gaussian components of an attribute"),
    INT(model.mlp, 256, 1, 4096, "width of the attribute MLP of G"),
    CHOICE(
        model.retrieval, ranked, CHOICES("ranked", "triplet"),
        "R: ranked learns to rank annotated images by how much of the wanted labels they show, on the unit "
        "sphere; triplet is the paper's"),
    INT(model.embed_dim, 100, 1, 4096, "width of the embedding of R"),
    NUMBER(model.dropout, 0.1, 0, 0.9, "in the head of R"),
    INT(model.k, 3, 1, 64, "neighbours per decode in stage 3"),
    CHOICE(
        model.fusion, style, CHOICES("style", "concat"),
        "how neighbours guide G in stage 3: style, by their codes; concat, by their content maps, as in the "
        "paper"),
    BOOL(model.detail, false,
         "translations keep the detail of their source that G does not rebuild; without it they are as sharp "
         "as G"),
};

static const rg__row_t selection[] = {
    NUMBER(ranking.sharpness, 10, 0.1, 1000,
           "of a ranked R: how much more an image counts that shows more of the wanted labels"),
    NUMBER(ranking.content, 2, 0, 1000,
           "of a ranked R: how much more an image counts whose content is like the source's; 0: not at all"),
    NUMBER(triplet.margin, 0.2, 0, 100, "of the triplet loss"),
    BOOL(triplet.easy, true, "negatives: a random real image"),
    BOOL(triplet.medium, true, "negatives: a random image translated to the wanted attributes"),
    BOOL(triplet.hard, true, "negatives: the image translated to random attributes"),
    BOOL(triplet.hardest, true, "negatives: the image translated to its own attributes"),

    TEXT(retrieval.path, "", "store directory; empty: RUN/store"),
    TEXT(retrieval.index, "Flat",
         "Flat: exact; lists: approximate, no memory per image; auto: exact, then lists from 50,000 images "
         "on; "
         "or a FAISS index_factory string, such as HNSW32"),
    CHOICE(retrieval.neighbours, retrieved, CHOICES("retrieved", "random", "none"),
           "images that guide stage 3; controls: random, and none, which is GMM-UNIT continued"),
    INT(retrieval.pool, 32, 1, 10000,
        "stage 3 draws its model.k neighbours from this number of the nearest, for variety; 1: takes the "
        "nearest"),
    INT(retrieval.map_size_gib, 16, 1, 65536, "upper bound of the store, GiB"),
    INT(retrieval.k_max, 100, 1, 10000, "largest k of a request"),
    INT(retrieval.batch_max, 256, 1, 65536, "largest number of queries or images of a request"),
    INT(retrieval.nprobe, 0, 0, 65536,
        "lists that an index searches if a request gives no number; 0: found by measuring (lists), or 16 "
        "(IVF)"),
    INT(retrieval.ef_search, 64, 1, 4096, "candidates that an HNSW index keeps if a request gives no number"),

    CHOICE(evaluation.split, test, CHOICES("test", "validation"),
           "images that are measured; choose settings on validation"),
    INT(evaluation.images, 0, 0, 1e9, "of the split; 0: all"),
    INT(evaluation.sources, 64, 1, 1e9,
        "of the images, those whose translations are drawn several times, for diversity"),
    INT(evaluation.outputs, 10, 2, 64, "draws of each of them"),
    INT(evaluation.k, 10, 1, 10000, "of P@k"),
    INT(evaluation.batch, 16, 1, 4096, "images per forward pass"),
    INT(evaluation.follow, 0, 0, 1e9,
        "measure each new checkpoint (not of stage 2) on this number of images, into RUN/evaluations.jsonl; "
        "takes time from training; 0: no"),
    TEXT(evaluation.cache, "",
         "folder for the features of real images, which runs can share; empty: RUN/features"),
    TEXT(evaluation.extractor.file, "",
         "ONNX network whose features are compared (with Inception as published, the Frechet distance is "
         "FID); empty: the built-in classifier"),
    TEXT(evaluation.extractor.features, "",
         "name of the network's value that holds the features; maps are averaged"),
    TEXT(evaluation.extractor.classes, "",
         "name of the value that holds the class probabilities, for the inception score; empty: no score"),
    INT(evaluation.extractor.size, 0, 0, 1024, "side that images are resized to for it; 0: not resized"),
    CHOICE(evaluation.extractor.pixels, imagenet, CHOICES("imagenet", "unit", "signed", "bytes"),
           "its input: normalised by ImageNet's mean and deviation, 0..1, -1..1 or 0..255"),
    TEXT(evaluation.lpips.file, "",
         "ONNX network for LPIPS (Zhang et al. 2018): AlexNet, VGG or SqueezeNet; empty: no LPIPS"),
    NAMES(evaluation.lpips.layers, "", "names of the values whose maps are compared"),
    TEXT(evaluation.lpips.weights, "",
         "safetensors file with lin0.model.1.weight and so on, one for each layer, [1,C,1,1]; empty: all 1"),
    INT(evaluation.lpips.size, 0, 0, 1024, "side that images are resized to for it; 0: not resized"),
    TEXT(evaluation.identity.file, "",
         "ONNX network for face recognition, which says whether a translation shows the same person as its "
         "source; empty: not measured"),
    TEXT(evaluation.identity.features, "", "name of the value that holds the embedding of a face"),
    INT(evaluation.identity.size, 112, 0, 1024, "side that images are resized to for it; 0: not resized"),
    CHOICE(evaluation.identity.pixels, signed, CHOICES("imagenet", "unit", "signed", "bytes"),
           "its input, as evaluation.extractor.pixels"),

    ENDPOINT(loader),
    ENDPOINT(encoder),
    ENDPOINT(retrieval),
    ENDPOINT(trainer),
    ENDPOINT(evaluator),
    ENDPOINT(gateway),
    BOOL(endpoints.insecure, false,
         "allow tcp beyond loopback without security.keys: unencrypted, and open to anyone on the network"),

    TEXT(security.keys, "",
         "folder of keys, made by rg-ctl keys: all tcp is encrypted, and its file `allowed` lists the "
         "clients; empty: no encryption"),
    TEXT(security.identity, "services",
         "name of the key in that folder that this process shows to the services it asks"),

    TEXT(http.address, "127.0.0.1",
         "address that the http ports listen on; beyond loopback anyone on the network can read the metrics; "
         "the gateway asks for http.token"),
    HTTP_PORT(loader),
    HTTP_PORT(encoder),
    HTTP_PORT(retrieval),
    HTTP_PORT(trainer),
    HTTP_PORT(evaluator),
    INT(http.gateway, 0, 0, 65535, "port of the page and its HTTP interface; 0: no gateway"),
    TEXT(http.token, "",
         "file of the token that the gateway requires beyond loopback, created if missing; empty: "
         "RUN/gateway.token"),

    INT(limits.message_max_mib, 64, 1, 2047, "largest message frame received or sent, MiB"),
    INT(limits.queue, 64, 1, 100000, "messages queued per connection before it is full"),
    INT(limits.heartbeat_ms, 2000, 100, 600000, "between heartbeats; three missed ones end a connection"),
    INT(limits.credit, 4, 1, 1024, "requests that a consumer keeps in flight"),
    INT(limits.waiting, 64, 4, 4096,
        "requests that a service has in work; one client may have half of them, more are refused as busy"),
    INT(limits.unread_mib, 512, 1, 65536,
        "replies that a service holds until they are read, MiB; half of it may be one client's"),
    INT(limits.connections, 1000, 16, 100000, "connections to a service at a time; more are refused"),
    INT(limits.timeout_ms, 10000, 1, 3600000, "time that a command waits for a service that does not answer"),
    INT(limits.image_max_mib, 16, 1, 1024, "largest image file accepted, MiB"),
    INT(limits.image_max_side, 8192, 16, 65500, "largest width or height of an image accepted"),
};

// Keys of a stage whose rows are shared.
static const rg__row_t stages[] = {
    {"classifier.images", offsetof(rg_config_t, classifier_images), RG_KEY_CHOICE, "annotated", 0, 0,
     "others: the classifier learns the annotation that data.annotated withholds from the other stages, so "
     "that it judges images of networks whose training images it has not seen",
     CHOICES("annotated", "others")},
    {"stage3.encoders", offsetof(rg_config_t, stage3_encoders), RG_KEY_CHOICE, "frozen", 0, 0,
     "trained: E_c and E_a learn too; only without neighbours, because their stored features would become "
     "stale",
     CHOICES("frozen", "trained")},
};
#undef STRUCT

#define STRUCT rg_train_config_t
static const rg__row_t train[] = {
    INT(iterations, 100000, 1, 1e9, "length of the stage"),
    INT(batch, 16, 1, 4096, "images per iteration; per rank if several ranks train"),
    CHOICE(optimizer, adam, CHOICES("sgd", "adam", "adamw"), "of the weights"),
    NUMBER(lr, 1e-4, 0, 10, "learning rate"),
    NUMBER(beta1, 0.5, 0, 0.999999, "Adam's decay of the mean gradient"),
    NUMBER(beta2, 0.999, 0, 0.999999, "Adam's decay of the mean square"),
    NUMBER(momentum, 0.9, 0, 0.999999, "of SGD"),
    NUMBER(weight_decay, 0, 0, 1, "L2 for sgd and adam, decoupled for adamw"),
    INT(warmup, 0, 0, 1e9, "iterations of linear rise to lr"),
    CHOICE(schedule, cosine, CHOICES("constant", "linear", "cosine", "step"),
           "fall of lr: linear or cosine to 0 over the second half, or in steps"),
    INT(step_every, 100000, 1, 1e9, "schedule step: iterations between two falls of lr"),
    NUMBER(step_factor, 0.5, 0, 1, "schedule step: factor of lr at each fall"),
    NUMBER(clip, 2, 0, 1e6, "largest global gradient norm; 0: no clipping"),
    NUMBER(ema, 0.999, 0, 0.999999, "decay of the averaged weights"),
    INT(checkpoint_every, 1000, 1, 1e9, "iterations between checkpoints"),
    INT(sample_every, 1000, 0, 1e9, "iterations between sample grids; 0: only at the end"),
};
#undef STRUCT

#define STRUCT rg_loss_weights_t
static const rg__row_t loss[] = {
    NUMBER(recon, 10, 0, 1e6, "weight: image self-reconstruction, L1"),
    NUMBER(cycle, 10, 0, 1e6, "weight: cycle, L1"),
    NUMBER(content, 1, 0, 1e6, "weight: content reconstruction, L1"),
    NUMBER(attribute, 1, 0, 1e6, "weight: attribute reconstruction, L1"),
    NUMBER(kl, 0.1, 0, 1e6, "weight: distance of E_a(x) from its component"),
    CHOICE(prior, kl, CHOICES("kl", "earth_mover"),
           "form of that distance: KL divergence, or earth mover's (2-Wasserstein, squared)"),
    NUMBER(isometry, 0.1, 0, 1e6, "weight: isometry of codes"),
    NUMBER(adversarial, 1, 0, 1e6, "weight: adversarial loss"),
    CHOICE(gan, lsgan, CHOICES("lsgan", "wgan_gp"), "form of the adversarial loss"),
    NUMBER(penalty, 10, 0, 1e6, "weight: gradient penalty of wgan_gp"),
    NUMBER(classify, 1, 0, 1e6, "weight: attribute classification, BCE"),
    NUMBER(perceptual, 0, 0, 1e6, "weight: VGG16 features of translation and source, L2; needs vgg16"),
    TEXT(vgg16, "", "ONNX file of VGG16, whole or its features, as torch.onnx.export writes torchvision's"),
};
#undef STRUCT

#define ROWS(rows) rows, sizeof rows / sizeof *rows
const rg__section_t rg__sections[] = {
    {"", 0, ROWS(general)},
    {"classifier.", offsetof(rg_config_t, classifier), ROWS(train)},
    {"", 0, &stages[0], 1},
    {"stage1.", offsetof(rg_config_t, stage1), ROWS(train)},
    {"stage1.loss.", offsetof(rg_config_t, stage1_loss), ROWS(loss)},
    {"stage2.", offsetof(rg_config_t, stage2), ROWS(train)},
    {"stage3.", offsetof(rg_config_t, stage3), ROWS(train)},
    {"stage3.loss.", offsetof(rg_config_t, stage3_loss), ROWS(loss)},
    {"", 0, &stages[1], 1},
    {"", 0, ROWS(selection)},
};
const size_t rg__sections_count = sizeof rg__sections / sizeof *rg__sections;

// Defaults of a section that differ from the default of the shared row.
const rg__exception_t rg__exceptions[] = {
    {"classifier.iterations", "5000"}, {"classifier.batch", "32"},
    {"classifier.lr", "1e-3"},         {"classifier.beta1", "0.9"},
    {"stage1.iterations", "200000"},   {"stage2.iterations", "20000"},
    {"stage2.optimizer", "adamw"},     {"stage2.lr", "1e-3"},
    {"stage2.weight_decay", "1e-4"},   {"stage2.batch", "48"},
    {"stage2.beta1", "0.9"},           {"stage2.schedule", "linear"},
    {"stage3.loss.kl", "0"},
};
const size_t rg__exceptions_count = sizeof rg__exceptions / sizeof *rg__exceptions;
