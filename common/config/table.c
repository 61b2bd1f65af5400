#include "common/config/table.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/err.h"
#include "common/core/text.h"

typedef struct {
    const char *key;
    enum rg_key_type type;
    size_t offset;
    const char *fallback;
    double min, max;
    const char *help;
    const char *const *choices;
} row_t;

static const char *const precisions[] = {"f32", "bf16", NULL};
static const char *const targets[] = {"half", "both", NULL};
static const char *const schedules[] = {"constant", "linear", "cosine", "step", NULL};
static const char *const optimizers[] = {"sgd", "adam", "adamw", NULL};
static const char *const gans[] = {"lsgan", "wgan_gp", NULL};
static const char *const priors[] = {"kl", "earth_mover", NULL};
static const char *const references[] = {"random", "flipped", NULL};
static const char *const neighbours[] = {"retrieved", "random", "none", NULL};
static const char *const splits[] = {"test", "validation", NULL};
static const char *const pixels[] = {"imagenet", "unit", "signed", "bytes", NULL};
static const char *const retrievals[] = {"ranked", "triplet", NULL};
static const char *const fusions[] = {"style", "concat", NULL};
static const char *const encoders[] = {"frozen", "trained", NULL};

#define ENDPOINT_HELP "where it listens: ipc://PATH or tcp://HOST:PORT; empty: ipc://RUN/SERVICE.ipc"
#define HTTP_HELP     "port of its /metrics and /healthz; 0: none"

// The defaults are the paper's setting at 128 px.
#define AT(field) offsetof(rg_config_t, field)
static const row_t general[] = {
    {"seed", RG_KEY_U64, AT(seed), "1", 0, 0, "of everything random"},
    {"run", RG_KEY_TEXT, AT(run), "run", 0, 0, "run directory: checkpoints, metrics, grids, store, sockets"},
    {"threads", RG_KEY_INT, AT(threads), "2", 1, 1024, "threads of the compute engine, per process"},
    {"precision", RG_KEY_CHOICE, AT(precision), "f32", 0, 0,
     "training: bf16 rounds what convolutions read where that is faster; weights and sums stay f32",
     precisions},
    {"targets", RG_KEY_CHOICE, AT(targets), "half", 0, 0,
     "stages 1 and 3: of a batch, half are translated to sampled codes and half to references, or all to "
     "both",
     targets},

    {"data.root", RG_KEY_TEXT, AT(data.root), "data", 0, 0,
     "CelebA directory, or folder of JPEGs, or the folder of data.list's images"},
    {"data.list", RG_KEY_TEXT, AT(data.list), "", 0, 0,
     "file of name<TAB>00101 lines; empty: CelebA files or plain folder"},
    {"data.attributes", RG_KEY_NAMES, AT(data.attributes), "Black_Hair Blond_Hair Brown_Hair Male Young", 0,
     0, "attributes to edit, in the order of the codes"},
    {"data.exclusive", RG_KEY_NAMES, AT(data.exclusive), "Black_Hair Blond_Hair Brown_Hair", 0, 0,
     "attributes of which at most one is set"},
    {"data.annotated", RG_KEY_DOUBLE, AT(data.annotated), "1", 0, 1,
     "fraction of the training images whose annotation may be used"},
    {"data.crop", RG_KEY_INT, AT(data.crop), "0", 0, 8192,
     "side of the centred square in source pixels; 0: 178 for 178x218, else the largest"},
    {"data.img_size", RG_KEY_INT, AT(data.img_size), "128", 16, 1024,
     "side of the images the networks see; divisible by 4"},
    {"data.references", RG_KEY_CHOICE, AT(data.references), "random", 0, 0,
     "reference targets of stages 1 and 3: random images, or images that show the source with one attribute "
     "flipped",
     references},
    {"data.jitter", RG_KEY_DOUBLE, AT(data.jitter), "0.005", 0, 1,
     "largest relative change of brightness and contrast in training"},

    {"model.gf", RG_KEY_INT, AT(model.gf), "64", 1, 1024, "width of the first layer of E_c, E_a and G"},
    {"model.n_res", RG_KEY_INT, AT(model.n_res), "4", 0, 16, "residual blocks of E_c and of G"},
    {"model.df", RG_KEY_INT, AT(model.df), "64", 1, 1024, "width of the first layer of D"},
    {"model.d_layers", RG_KEY_INT, AT(model.d_layers), "5", 1, 8, "strided convolutions of D, per scale"},
    {"model.d_scales", RG_KEY_INT, AT(model.d_scales), "2", 1, 4, "image scales D looks at"},
    {"model.attr_dims", RG_KEY_INT, AT(model.attr_dims), "8", 1, 256, "code dimensions per attribute"},
    {"model.attr_std", RG_KEY_DOUBLE, AT(model.attr_std), "0.5", 1e-3, 10,
     "standard deviation of each attribute's Gaussian components"},
    {"model.mlp", RG_KEY_INT, AT(model.mlp), "256", 1, 4096, "width of G's attribute MLP"},
    {"model.retrieval", RG_KEY_CHOICE, AT(model.retrieval), "ranked", 0, 0,
     "R: ranked is trained to rank annotated images by how much they show of what is wanted, on the unit "
     "sphere; triplet is the paper's",
     retrievals},
    {"model.embed_dim", RG_KEY_INT, AT(model.embed_dim), "100", 1, 4096, "width of R's embedding"},
    {"model.dropout", RG_KEY_DOUBLE, AT(model.dropout), "0.1", 0, 0.9, "in the head of R"},
    {"model.k", RG_KEY_INT, AT(model.k), "3", 1, 64, "neighbours per decode in stage 3"},
    {"model.fusion", RG_KEY_CHOICE, AT(model.fusion), "style", 0, 0,
     "how neighbours guide G in stage 3: style, by their codes; concat, by their content maps, is the "
     "paper's",
     fusions},
    {"model.attention", RG_KEY_BOOL, AT(model.attention), "false", 0, 1,
     "G also says with a mask where it changes its source; the rest is copied"},
};

static const row_t continuation[] = {
    {"stage3.encoders", RG_KEY_CHOICE, AT(stage3_encoders), "frozen", 0, 0,
     "trained: E_c and E_a go on learning; only without neighbours, which an embedding that moves would lose",
     encoders},
};

static const row_t selection[] = {
    {"ranking.sharpness", RG_KEY_DOUBLE, AT(ranking.sharpness), "10", 0.1, 1000,
     "of a ranked R: how much more an image shall count that shows more of what is wanted"},
    {"ranking.content", RG_KEY_DOUBLE, AT(ranking.content), "2", 0, 1000,
     "of a ranked R: how much more an image shall count whose content is like the source's; 0: not at all"},
    {"triplet.margin", RG_KEY_DOUBLE, AT(triplet.margin), "0.2", 0, 100, "of the triplet loss"},
    {"triplet.easy", RG_KEY_BOOL, AT(triplet.easy), "true", 0, 1, "negatives: a random real image"},
    {"triplet.medium", RG_KEY_BOOL, AT(triplet.medium), "true", 0, 1,
     "negatives: a random image translated to the wanted attributes"},
    {"triplet.hard", RG_KEY_BOOL, AT(triplet.hard), "true", 0, 1,
     "negatives: the image translated to random attributes"},
    {"triplet.hardest", RG_KEY_BOOL, AT(triplet.hardest), "true", 0, 1,
     "negatives: the image translated to its own attributes"},

    {"retrieval.path", RG_KEY_TEXT, AT(retrieval.path), "", 0, 0, "store directory; empty: RUN/store"},
    {"retrieval.index", RG_KEY_TEXT, AT(retrieval.index), "Flat", 0, 0,
     "Flat: exact; or a FAISS index_factory string, such as HNSW32 or IVF256,PQ20"},
    {"retrieval.neighbours", RG_KEY_CHOICE, AT(retrieval.neighbours), "retrieved", 0, 0,
     "what guides stage 3; controls: random, and none, which is GMM-UNIT continued", neighbours},
    {"retrieval.pool", RG_KEY_INT, AT(retrieval.pool), "32", 1, 10000,
     "stage 3 draws its model.k neighbours from so many of the nearest, for variety; 1: takes the nearest"},
    {"retrieval.map_size_gib", RG_KEY_INT, AT(retrieval.map_size_gib), "16", 1, 65536,
     "upper bound of the store, GiB"},
    {"retrieval.k_max", RG_KEY_INT, AT(retrieval.k_max), "100", 1, 10000, "largest k of a request"},
    {"retrieval.batch_max", RG_KEY_INT, AT(retrieval.batch_max), "256", 1, 65536,
     "largest number of queries or images of a request"},
    {"retrieval.nprobe", RG_KEY_INT, AT(retrieval.nprobe), "16", 1, 65536,
     "lists an IVF index looks into, where a request names no number"},
    {"retrieval.ef_search", RG_KEY_INT, AT(retrieval.ef_search), "64", 1, 65536,
     "candidates an HNSW index keeps, where a request names no number"},

    {"evaluation.split", RG_KEY_CHOICE, AT(evaluation.split), "test", 0, 0,
     "images measured; settings are chosen on validation", splits},
    {"evaluation.images", RG_KEY_INT, AT(evaluation.images), "0", 0, 1e9, "of the split; 0: all"},
    {"evaluation.sources", RG_KEY_INT, AT(evaluation.sources), "64", 1, 1e9,
     "of the images, those whose translations are drawn several times, for diversity"},
    {"evaluation.outputs", RG_KEY_INT, AT(evaluation.outputs), "10", 2, 64, "draws of each of them"},
    {"evaluation.k", RG_KEY_INT, AT(evaluation.k), "10", 1, 10000, "of P@k"},
    {"evaluation.batch", RG_KEY_INT, AT(evaluation.batch), "16", 1, 4096, "images per forward pass"},
    {"evaluation.follow", RG_KEY_INT, AT(evaluation.follow), "0", 0, 1e9,
     "measure each new checkpoint (not of stage 2) on that many images, into RUN/evaluations.jsonl; 0: no, "
     "as it takes time from training"},
    {"evaluation.cache", RG_KEY_TEXT, AT(evaluation.cache), "", 0, 0,
     "folder for what the extractor says of real images, which runs can share; empty: RUN/features"},
    {"evaluation.extractor.file", RG_KEY_TEXT, AT(evaluation.extractor.file), "", 0, 0,
     "ONNX network whose features distances are of (with Inception as published, the Frechet distance is "
     "FID); "
     "empty: the built-in classifier"},
    {"evaluation.extractor.features", RG_KEY_TEXT, AT(evaluation.extractor.features), "", 0, 0,
     "name of the network's value that is the features; maps are averaged"},
    {"evaluation.extractor.classes", RG_KEY_TEXT, AT(evaluation.extractor.classes), "", 0, 0,
     "name of the value that is the probabilities of its classes, for the inception score; empty: no score"},
    {"evaluation.extractor.size", RG_KEY_INT, AT(evaluation.extractor.size), "0", 0, 1024,
     "side that images are resized to for it; 0: as they are"},
    {"evaluation.extractor.pixels", RG_KEY_CHOICE, AT(evaluation.extractor.pixels), "imagenet", 0, 0,
     "what it expects: ImageNet's mean and deviation, 0..1, -1..1 or 0..255", pixels},
    {"evaluation.lpips.file", RG_KEY_TEXT, AT(evaluation.lpips.file), "", 0, 0,
     "ONNX network for LPIPS (Zhang et al. 2018): AlexNet, VGG or SqueezeNet; empty: no LPIPS"},
    {"evaluation.lpips.layers", RG_KEY_NAMES, AT(evaluation.lpips.layers), "", 0, 0,
     "names of the values whose maps are compared"},
    {"evaluation.lpips.weights", RG_KEY_TEXT, AT(evaluation.lpips.weights), "", 0, 0,
     "safetensors file with lin0.model.1.weight and so on, one for each layer, [1,C,1,1]; empty: all 1"},
    {"evaluation.lpips.size", RG_KEY_INT, AT(evaluation.lpips.size), "0", 0, 1024,
     "side that images are resized to for it; 0: as they are"},

    {"endpoints.loader", RG_KEY_TEXT, AT(endpoints.loader), "", 0, 0, ENDPOINT_HELP},
    {"endpoints.encoder", RG_KEY_TEXT, AT(endpoints.encoder), "", 0, 0, ENDPOINT_HELP},
    {"endpoints.retrieval", RG_KEY_TEXT, AT(endpoints.retrieval), "", 0, 0, ENDPOINT_HELP},
    {"endpoints.trainer", RG_KEY_TEXT, AT(endpoints.trainer), "", 0, 0, ENDPOINT_HELP},
    {"endpoints.evaluator", RG_KEY_TEXT, AT(endpoints.evaluator), "", 0, 0, ENDPOINT_HELP},
    {"endpoints.gateway", RG_KEY_TEXT, AT(endpoints.gateway), "", 0, 0, ENDPOINT_HELP},
    {"endpoints.insecure", RG_KEY_BOOL, AT(endpoints.insecure), "false", 0, 1,
     "allow tcp beyond loopback without security.keys: unencrypted and open to whoever reaches it"},

    {"security.keys", RG_KEY_TEXT, AT(security.keys), "", 0, 0,
     "folder of keys, made by rg-ctl keys: all tcp is encrypted, who is allowed stands in its file "
     "`allowed`; "
     "empty: no encryption"},
    {"security.identity", RG_KEY_TEXT, AT(security.identity), "services", 0, 0,
     "whose key of that folder this process shows to the services it asks"},

    {"http.address", RG_KEY_TEXT, AT(http.address), "127.0.0.1", 0, 0,
     "where the http ports listen; beyond loopback whoever reaches them reads the numbers, but the "
     "gateway's, "
     "which asks for http.token"},
    {"http.loader", RG_KEY_INT, AT(http.loader), "0", 0, 65535, HTTP_HELP},
    {"http.encoder", RG_KEY_INT, AT(http.encoder), "0", 0, 65535, HTTP_HELP},
    {"http.retrieval", RG_KEY_INT, AT(http.retrieval), "0", 0, 65535, HTTP_HELP},
    {"http.trainer", RG_KEY_INT, AT(http.trainer), "0", 0, 65535, HTTP_HELP},
    {"http.evaluator", RG_KEY_INT, AT(http.evaluator), "0", 0, 65535, HTTP_HELP},
    {"http.gateway", RG_KEY_INT, AT(http.gateway), "0", 0, 65535,
     "port of the page and its HTTP interface; 0: there is no gateway"},
    {"http.token", RG_KEY_TEXT, AT(http.token), "", 0, 0,
     "file of the token that the gateway wants to see beyond loopback, made where it is missing; empty: "
     "RUN/gateway.token"},

    {"limits.message_max_mib", RG_KEY_INT, AT(limits.message_max_mib), "64", 1, 2047,
     "largest message frame taken or sent, MiB"},
    {"limits.queue", RG_KEY_INT, AT(limits.queue), "64", 1, 100000,
     "messages queued per connection before it is full"},
    {"limits.heartbeat_ms", RG_KEY_INT, AT(limits.heartbeat_ms), "2000", 100, 600000,
     "between heartbeats; three missed ones end a connection"},
    {"limits.credit", RG_KEY_INT, AT(limits.credit), "4", 1, 1024, "requests a consumer keeps in flight"},
    {"limits.waiting", RG_KEY_INT, AT(limits.waiting), "64", 4, 4096,
     "requests a service has in work; one client may have half of them, more are refused as busy"},
    {"limits.unread_mib", RG_KEY_INT, AT(limits.unread_mib), "512", 1, 65536,
     "replies a service holds that are not read yet, MiB; half of it may be one client's"},
    {"limits.connections", RG_KEY_INT, AT(limits.connections), "1000", 16, 100000,
     "connections to a service at a time; more are not accepted"},
    {"limits.timeout_ms", RG_KEY_INT, AT(limits.timeout_ms), "10000", 1, 3600000,
     "a command waits so long for a service that does not answer"},
    {"limits.image_max_mib", RG_KEY_INT, AT(limits.image_max_mib), "16", 1, 1024,
     "largest JPEG file taken, MiB"},
    {"limits.image_max_side", RG_KEY_INT, AT(limits.image_max_side), "8192", 16, 65500,
     "largest width or height of a JPEG taken"},
};
#undef AT

#define AT(field) offsetof(rg_train_config_t, field)
static const row_t train[] = {
    {"iterations", RG_KEY_INT, AT(iterations), "100000", 1, 1e9, "length of the stage"},
    {"batch", RG_KEY_INT, AT(batch), "16", 1, 4096, "images per iteration, of each rank where several train"},
    {"optimizer", RG_KEY_CHOICE, AT(optimizer), "adam", 0, 0, "of the weights", optimizers},
    {"lr", RG_KEY_DOUBLE, AT(lr), "1e-4", 0, 10, "learning rate"},
    {"beta1", RG_KEY_DOUBLE, AT(beta1), "0.5", 0, 0.999999, "Adam's decay of the mean gradient"},
    {"beta2", RG_KEY_DOUBLE, AT(beta2), "0.999", 0, 0.999999, "Adam's decay of the mean square"},
    {"momentum", RG_KEY_DOUBLE, AT(momentum), "0.9", 0, 0.999999, "of SGD"},
    {"weight_decay", RG_KEY_DOUBLE, AT(weight_decay), "0", 0, 1, "L2 for sgd and adam, decoupled for adamw"},
    {"warmup", RG_KEY_INT, AT(warmup), "0", 0, 1e9, "iterations of linear rise to lr"},
    {"schedule", RG_KEY_CHOICE, AT(schedule), "cosine", 0, 0,
     "fall of lr: linear or cosine to 0 over the second half, or in steps", schedules},
    {"step_every", RG_KEY_INT, AT(step_every), "100000", 1, 1e9,
     "schedule step: iterations between two falls of lr"},
    {"step_factor", RG_KEY_DOUBLE, AT(step_factor), "0.5", 0, 1, "schedule step: what each multiplies lr by"},
    {"clip", RG_KEY_DOUBLE, AT(clip), "2", 0, 1e6, "largest global gradient norm; 0: no clipping"},
    {"ema", RG_KEY_DOUBLE, AT(ema), "0.999", 0, 0.999999, "decay of the averaged weights"},
    {"checkpoint_every", RG_KEY_INT, AT(checkpoint_every), "1000", 1, 1e9, "iterations between checkpoints"},
    {"sample_every", RG_KEY_INT, AT(sample_every), "1000", 0, 1e9,
     "iterations between sample grids; 0: at the end only"},
};
#undef AT

#define AT(field) offsetof(rg_loss_weights_t, field)
static const row_t loss[] = {
    {"recon", RG_KEY_DOUBLE, AT(recon), "10", 0, 1e6, "weight: image self-reconstruction, L1"},
    {"cycle", RG_KEY_DOUBLE, AT(cycle), "10", 0, 1e6, "weight: cycle, L1"},
    {"content", RG_KEY_DOUBLE, AT(content), "1", 0, 1e6, "weight: content reconstruction, L1"},
    {"attribute", RG_KEY_DOUBLE, AT(attribute), "1", 0, 1e6, "weight: attribute reconstruction, L1"},
    {"kl", RG_KEY_DOUBLE, AT(kl), "0.1", 0, 1e6, "weight: distance of E_a(x) from its component"},
    {"prior", RG_KEY_CHOICE, AT(prior), "kl", 0, 0,
     "that distance: KL divergence, or earth mover's (2-Wasserstein, squared)", priors},
    {"isometry", RG_KEY_DOUBLE, AT(isometry), "0.1", 0, 1e6, "weight: isometry of codes"},
    {"adversarial", RG_KEY_DOUBLE, AT(adversarial), "1", 0, 1e6, "weight: of the real/fake game"},
    {"gan", RG_KEY_CHOICE, AT(gan), "lsgan", 0, 0, "the form of that game", gans},
    {"penalty", RG_KEY_DOUBLE, AT(penalty), "10", 0, 1e6, "weight: gradient penalty of wgan_gp"},
    {"classify", RG_KEY_DOUBLE, AT(classify), "1", 0, 1e6, "weight: attribute classification, BCE"},
    {"perceptual", RG_KEY_DOUBLE, AT(perceptual), "0", 0, 1e6,
     "weight: VGG16 features of translation and source, L2; needs vgg16"},
    {"vgg16", RG_KEY_TEXT, AT(vgg16), "", 0, 0,
     "ONNX file of VGG16, whole or its features, as torch.onnx.export writes torchvision's"},
};
#undef AT

#define ROWS(rows) rows, sizeof rows / sizeof *rows
static const struct {
    const char *prefix;
    size_t base;
    const row_t *rows;
    size_t count;
} sections[] = {
    {"", 0, ROWS(general)},
    {"classifier.", offsetof(rg_config_t, classifier), ROWS(train)},
    {"stage1.", offsetof(rg_config_t, stage1), ROWS(train)},
    {"stage1.loss.", offsetof(rg_config_t, stage1_loss), ROWS(loss)},
    {"stage2.", offsetof(rg_config_t, stage2), ROWS(train)},
    {"stage3.", offsetof(rg_config_t, stage3), ROWS(train)},
    {"stage3.loss.", offsetof(rg_config_t, stage3_loss), ROWS(loss)},
    {"", 0, ROWS(continuation)},
    {"", 0, ROWS(selection)},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

// Where a section's default differs from the shared row's.
static const struct {
    const char *key, *fallback;
} exceptions[] = {
    {"classifier.iterations", "5000"}, {"classifier.batch", "32"},
    {"classifier.lr", "1e-3"},         {"classifier.beta1", "0.9"},
    {"stage1.iterations", "200000"},   {"stage2.iterations", "20000"},
    {"stage2.optimizer", "adamw"},     {"stage2.lr", "1e-3"},
    {"stage2.weight_decay", "1e-4"},   {"stage2.batch", "48"},
    {"stage2.beta1", "0.9"},           {"stage2.schedule", "linear"},
    {"stage3.loss.kl", "0"},
};

size_t rg_keys_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < SECTIONS; i++) count += sections[i].count;
    return count;
}

// Row `row` of section s as a key of its own.
static void compose(size_t s, size_t r, rg_key_t *out)
{
    const row_t *row = &sections[s].rows[r];
    *out = (rg_key_t){.type = row->type,
                      .offset = sections[s].base + row->offset,
                      .min = row->min,
                      .max = row->max,
                      .choices = row->choices,
                      .fallback = row->fallback,
                      .help = row->help};
    snprintf(out->key, sizeof out->key, "%s%s", sections[s].prefix, row->key);
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (strcmp(exceptions[i].key, out->key) == 0) out->fallback = exceptions[i].fallback;
}

void rg_keys_at(size_t position, rg_key_t *out)
{
    size_t s = 0;
    while (position >= sections[s].count) position -= sections[s++].count;
    compose(s, position, out);
}

// What follows prefix in text, or NULL.
static const char *after(const char *text, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

int rg_keys_find(const char *key, rg_key_t *out)
{
    int position = 0;
    for (size_t s = 0; s < SECTIONS; s++) {
        const char *name = after(key, sections[s].prefix);
        for (size_t r = 0; r < sections[s].count; r++, position++) {
            if (!name || strcmp(name, sections[s].rows[r].key) != 0) continue;
            compose(s, r, out);
            return position;
        }
    }
    return -1;
}

int rg_keys_is_section(const char *name)
{
    for (size_t s = 0; s < SECTIONS; s++) {
        const char *rest = after(sections[s].prefix, name), *inner = after(name, sections[s].prefix);
        if (rest && *rest == '.') return 1;
        for (size_t r = 0; inner && r < sections[s].count; r++) {
            rest = after(sections[s].rows[r].key, inner);
            if (rest && *rest == '.') return 1;
        }
    }
    return 0;
}

// Levenshtein distance of two texts shorter than RG_KEY_SIZE.
static int edit_distance(const char *a, const char *b)
{
    int cost[RG_KEY_SIZE], n = (int)strlen(b);
    for (int j = 0; j <= n; j++) cost[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = cost[0];
        cost[0] = i;
        for (int j = 1; j <= n; j++) {
            int replace = diagonal + (a[i - 1] != b[j - 1]);
            int insert = (cost[j] < cost[j - 1] ? cost[j] : cost[j - 1]) + 1;
            diagonal = cost[j];
            cost[j] = replace < insert ? replace : insert;
        }
    }
    return cost[n];
}

void rg_keys_closest(const char *key, char out[RG_KEY_SIZE])
{
    int best = 4; // more than three changed letters is another word
    rg_key_t known;
    out[0] = 0;
    if (strlen(key) >= RG_KEY_SIZE) return;
    for (size_t i = 0; i < rg_keys_count(); i++) {
        rg_keys_at(i, &known);
        for (char *end = known.key + strlen(known.key); end; end = strrchr(known.key, '.')) {
            *end = 0; // the key itself, then its sections
            int distance = edit_distance(key, known.key);
            if (distance >= best || distance >= (int)strlen(key)) continue;
            best = distance;
            memcpy(out, known.key, RG_KEY_SIZE);
        }
    }
}

void rg_key_expects(const rg_key_t *key, char out[128])
{
    int n = 0;
    switch (key->type) {
    case RG_KEY_INT:
        snprintf(out, 128, "an integer, %.0f to %.0f", key->min, key->max);
        break;
    case RG_KEY_U64:
        snprintf(out, 128, "an integer of at most 64 bits");
        break;
    case RG_KEY_DOUBLE:
        snprintf(out, 128, "a number, %g to %g", key->min, key->max);
        break;
    case RG_KEY_BOOL:
        snprintf(out, 128, "true or false");
        break;
    case RG_KEY_TEXT:
        snprintf(out, 128, "text");
        break;
    case RG_KEY_NAMES:
        snprintf(out, 128, "a list of names");
        break;
    case RG_KEY_CHOICE:
        n = snprintf(out, 128, "one of");
        for (int i = 0; key->choices[i]; i++)
            n += snprintf(out + n, 128 - (size_t)n, "%s %s", i ? "," : "", key->choices[i]);
        break;
    }
}

static int refuse(const rg_key_t *key, const char *text)
{
    char expected[128];
    rg_key_expects(key, expected);
    return rg_fail(RG_ECONFIG, "'%.64s' is not %s", text, expected);
}

static int set_integer(const rg_key_t *key, const char *text, int *field)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || (double)value < key->min || (double)value > key->max)
        return refuse(key, text);
    *field = (int)value;
    return 0;
}

static int set_u64(const rg_key_t *key, const char *text, uint64_t *field)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno) return refuse(key, text);
    *field = value;
    return 0;
}

static int set_double(const rg_key_t *key, const char *text, double *field)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= key->min && value <= key->max)) return refuse(key, text);
    *field = value;
    return 0;
}

static int set_bool(const rg_key_t *key, const char *text, int *field)
{
    int yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) return refuse(key, text);
    *field = yes;
    return 0;
}

static int set_choice(const rg_key_t *key, const char *text, int *field)
{
    int i = 0;
    while (key->choices[i] && strcmp(key->choices[i], text) != 0) i++;
    if (!key->choices[i]) return refuse(key, text);
    *field = i;
    return 0;
}

static int set_text(const char *text, char *field)
{
    size_t length = strlen(text);
    if (length >= RG_CONFIG_TEXT)
        return rg_fail(RG_ECONFIG, "text of %zu bytes is longer than %d", length, RG_CONFIG_TEXT - 1);
    if (!rg_text_is_printable(text))
        return rg_fail(RG_ECONFIG, "text has a character that is not printable UTF-8");
    memset(field, 0, RG_CONFIG_TEXT); // equal configurations are equal bytes
    memcpy(field, text, length);
    return 0;
}

static int add_name(const char *text, rg_names_t *names)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    size_t length = strlen(text);
    if (length == 0 || length >= RG_NAME_SIZE)
        return rg_fail(RG_ECONFIG, "a name must have 1 to %d characters", RG_NAME_SIZE - 1);
    if (strchr("_-.", text[0]) || text[strspn(text, allowed)])
        return rg_fail(RG_ECONFIG, "'%s' is not a name: it takes letters and digits, then also _ - and .",
                       text);
    if (rg_names_find(names, text) >= 0) return rg_fail(RG_ECONFIG, "'%s' is named twice", text);
    if (names->count == RG_ATTRIBUTES_MAX)
        return rg_fail(RG_ECONFIG, "more than %d names", RG_ATTRIBUTES_MAX);
    memcpy(names->name[names->count++], text, length + 1);
    return 0;
}

int rg_key_set(const rg_key_t *key, const char *text, rg_config_t *config)
{
    void *field = (char *)config + key->offset;
    switch (key->type) {
    case RG_KEY_INT:
        return set_integer(key, text, field);
    case RG_KEY_U64:
        return set_u64(key, text, field);
    case RG_KEY_DOUBLE:
        return set_double(key, text, field);
    case RG_KEY_BOOL:
        return set_bool(key, text, field);
    case RG_KEY_CHOICE:
        return set_choice(key, text, field);
    case RG_KEY_TEXT:
        return set_text(text, field);
    case RG_KEY_NAMES:
        return add_name(text, field);
    }
    return rg_fail(RG_EINVAL, "%s has no type", key->key);
}

// The shortest decimal that reads back as the same number.
static void format_double(double value, char out[RG_KEY_VALUE_SIZE])
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, RG_KEY_VALUE_SIZE, "%.*g", digits, value);
        if (strtod(out, NULL) == value) return;
    }
}

static void format_text(const char *text, char *out)
{
    *out++ = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') *out++ = '\\';
        *out++ = *text;
    }
    memcpy(out, "\"", 2);
}

static void format_names(const rg_names_t *names, char out[RG_KEY_VALUE_SIZE])
{
    int n = snprintf(out, RG_KEY_VALUE_SIZE, "[");
    for (int i = 0; i < names->count; i++)
        n += snprintf(out + n, (size_t)(RG_KEY_VALUE_SIZE - n), "%s%s", i ? ", " : "", names->name[i]);
    snprintf(out + n, (size_t)(RG_KEY_VALUE_SIZE - n), "]");
}

void rg_key_format(const rg_key_t *key, const rg_config_t *config, char out[RG_KEY_VALUE_SIZE])
{
    const void *field = (const char *)config + key->offset;
    switch (key->type) {
    case RG_KEY_INT:
        snprintf(out, RG_KEY_VALUE_SIZE, "%d", *(const int *)field);
        break;
    case RG_KEY_U64:
        snprintf(out, RG_KEY_VALUE_SIZE, "%llu", *(const unsigned long long *)field);
        break;
    case RG_KEY_DOUBLE:
        format_double(*(const double *)field, out);
        break;
    case RG_KEY_BOOL:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s", *(const int *)field ? "true" : "false");
        break;
    case RG_KEY_CHOICE:
        snprintf(out, RG_KEY_VALUE_SIZE, "%s", key->choices[*(const int *)field]);
        break;
    case RG_KEY_TEXT:
        format_text(field, out);
        break;
    case RG_KEY_NAMES:
        format_names(field, out);
        break;
    }
}
