// The measures of an evaluation, one .c file each. They compute on numbers alone: no network, no file, no
// thread. Feature vectors come from a network (extractor.h), labels from the data set.
//
//   file               measures                                    larger is
//   frechet.c          frechet (FID with Inception's features)     worse
//   kid.c              kid (KID with Inception's features)         worse
//   prdc.c             precision, recall, density, coverage        better
//   inception_score.c  inception_score                             better
//   diversity.c        diversity, lpips                            more different
//   accuracy.c         wanted, untouched and ceiling accuracy      better
//   identity.c         identity (cosine of face embeddings)        the same person
//   precision_at_k.c   P@k of retrieval, after an exact search     better
//   vectors.c          distances between vectors, for the others; reconstruction (L1), worse
//
// "Real" are images of the data set, "generated" are images that a model made. Two numbers of the same
// measure are comparable only if they are made from equal counts of images.
#ifndef RG_EVALUATOR_METRICS_H
#define RG_EVALUATOR_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "common/config/config.h"
#include "common/data/target.h"

// ---- feature vectors (vectors.c)

// Feature vectors [n,d], borrowed.
typedef struct {
    const float *row;
    size_t n;
    int d;
} rg_vectors_t;

// `count` vectors of a set, beginning with vector `first`.
rg_vectors_t rg_vectors_part(const rg_vectors_t *vectors, size_t first, size_t count);

// out [a->n,b->n]: squared Euclidean distances of all pairs, 0 or more. Computed in double from the inner
// products: two close vectors far from the origin lose about 1e-16 of their squared lengths.
void rg_vectors_distances(double *out, const rg_vectors_t *a, const rg_vectors_t *b);

// out [a->n,b->n]: inner products of all pairs.
void rg_vectors_products(double *out, const rg_vectors_t *a, const rg_vectors_t *b);

// Sum over n images of the mean absolute difference (L1) of their `size` values; a, b [n,size].
// Reconstruction is this difference between images x and G(c,z), their reconstructions from their own codes.
double rg_absolute_difference(const float *a, const float *b, int n, size_t size);

// Mean and standard deviation of a measure over random subsets or over splits.
typedef struct {
    double mean, spread;
} rg_estimate_t;

// Of n values, from their sum and the sum of their squares.
rg_estimate_t rg_estimate(double sum, double squares, int n);

// Keeps the k smallest of the offered distances in ascending order, and their positions where `position` is
// not NULL. distance [k] begins with INFINITY. Of equal distances the first offered stays in front.
void rg_nearest_offer(double *distance, uint32_t *position, int k, double offered, uint32_t offered_position);

// ---- Frechet distance (frechet.c)

// Distance between two sets of vectors, each taken as a Gaussian (Dowson and Landau 1982; as a measure of
// generated images: Heusel et al. 2017, eq. 6):
//   |m_a - m_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a^1/2 S_b S_a^1/2)^1/2)
// with means m and unbiased covariances S, in double. It is biased upwards, more so for smaller sets.
// RG_EINVAL with fewer than two vectors in a set, RG_ENUMERIC if they are not finite.
int rg_frechet(double *distance, const rg_vectors_t *a, const rg_vectors_t *b);

// ---- kernel distance (kid.c)

// Squared maximum mean discrepancy with the kernel (x.y / d + 1)^3, by its unbiased estimator (Binkowski et
// al. 2018, section 4 and eq. 4), over `subsets` random subsets of `size` vectors of each set, drawn without
// replacement. Unlike the Frechet distance it is not biased by the number of images; it may be below 0.
// RG_EINVAL with fewer than two vectors per subset or more than a set has, RG_ENUMERIC if they are not
// finite.
int rg_kid(rg_estimate_t *kid, const rg_vectors_t *a, const rg_vectors_t *b, int subsets, size_t size,
           uint64_t seed);

// ---- precision, recall, density, coverage (prdc.c)

// Do generated images lie where real images lie, and do they lie everywhere there? A set is described by a
// ball around each of its vectors, whose radius is the distance to the k-th nearest other vector of the set.
typedef struct {
    double precision; // generated vectors inside a real ball (Kynkaanniemi et al. 2019, eq. 2); 0..1
    double recall;    // real vectors inside a generated ball; 0..1
    double density;   // real balls around a generated vector, per vector and k (Naeem et al. 2020, eq. 3);
                      // 0 or more, about 1 for equal distributions
    double coverage;  // real balls with a generated vector inside (eq. 4); 0..1
} rg_prdc_t;

// RG_EINVAL unless each set has more than k >= 1 vectors.
int rg_prdc(rg_prdc_t *prdc, const rg_vectors_t *real, const rg_vectors_t *generated, int k);

// ---- inception score (inception_score.c)

// Does each image clearly show one class, and do the images show many classes (Salimans et al. 2016,
// section 4)?
//   exp(mean over x of KL(p(y|x) || p(y)))
// with p(y|x) a network's class probabilities for image x and p(y) their mean over the images. From 1, where
// all images look alike to the network, to the number of classes. The published score uses Inception.
//
// probability [n,classes]: each row sums to 1. The images are scored in `splits` equal parts, in order;
// the remainder is not used. RG_EINVAL with fewer than one image per split, RG_ENUMERIC if a row is not a
// distribution.
int rg_inception_score(rg_estimate_t *score, const float *probability, size_t n, int classes, int splits);

// The number of splits for n images: 10 as published, fewer where a split would have under 25 images.
enum { RG_INCEPTION_SPLITS = 10, RG_INCEPTION_SPLIT_MIN = 25 };
int rg_inception_splits(size_t n);

// ---- diversity (diversity.c)

// How much do the translations of one source to one target differ? Mean distance of all pairs of outputs of
// a source, averaged over the sources (as Zhu et al. 2017, section 5.2, measure it with LPIPS).
// The vectors come in groups of `outputs` >= 2, one group per source. NAN if there is no whole group.
double rg_diversity(const rg_vectors_t *vectors, int outputs);

// One layer's feature maps of a batch of images, borrowed.
typedef struct {
    const float *map; // [N,h,w,c]
    int h, w, c;
    const float *weight; // [c], 0 or more; NULL: all 1
} rg_lpips_layer_t;

// Perceptual distance of images i and j of the batch, 0 or more (Zhang et al. 2018, eq. 1):
//   sum over layers l of mean over h,w of sum over channels c of w_c^l (y_hwc^l - y0_hwc^l)^2
// where y and y0 are layer l's maps of the two images, with the channels of each position scaled to unit
// length. It is LPIPS as published with the networks and weights of that paper. All `layers` maps come from
// the same batch.
double rg_lpips_distance(const rg_lpips_layer_t *layer, int layers, size_t i, size_t j);

// ---- accuracy (accuracy.c)

// How often a classifier sees what an image should show. A logit above 0 says that the attribute is set;
// logits are in the order of the config's attributes.
typedef struct {
    uint64_t correct, n;
} rg_accuracy_t;

void rg_accuracy_add(rg_accuracy_t *accuracy, float logit, int label);
double rg_accuracy_value(const rg_accuracy_t *accuracy); // correct / n; NAN if n is 0

// A domain: the images that show an attribute, or those that do not. There are two domains per attribute of
// a config: 0 <= i < rg_domains.
typedef struct {
    int attribute, value;
} rg_domain_t;

int rg_domains(const rg_config_t *config);
rg_domain_t rg_domain(int i);

// "Male", "not_Male"
enum { RG_DOMAIN_NAME_SIZE = RG_NAME_SIZE + 4 };
void rg_domain_name(const rg_config_t *config, rg_domain_t domain, char name[RG_DOMAIN_NAME_SIZE]);

// Accuracy of translations. wanted: does the image show the label that the edit asked for? untouched: does it
// keep the labels that the edit did not change?
typedef struct {
    rg_accuracy_t wanted[RG_ATTRIBUTES_MAX][2]; // [asked attribute][wanted label]
    rg_accuracy_t untouched;
} rg_edit_accuracy_t;

void rg_edit_accuracy_add(rg_edit_accuracy_t *accuracy, const rg_target_t *target, const float *logits,
                          int attributes);
// domain NULL: over all domains. NAN if nothing was asked to become the domain.
double rg_edit_accuracy_wanted(const rg_edit_accuracy_t *accuracy, const rg_domain_t *domain);

// The accuracy that real images reach: how often the classifier agrees with an attribute's label in real
// images, weighted by how often the edits asked for that label. Translations can hardly do better.
typedef struct {
    rg_accuracy_t real[RG_ATTRIBUTES_MAX][2]; // [attribute][label]
    uint64_t wanted[RG_ATTRIBUTES_MAX][2];
} rg_accuracy_ceiling_t;

void rg_accuracy_ceiling_add(rg_accuracy_ceiling_t *ceiling, const rg_target_t *target, const float *logits,
                             int attributes);
// domain NULL: over all domains. NAN if no real image shows what was asked for.
double rg_accuracy_ceiling(const rg_accuracy_ceiling_t *ceiling, const rg_domain_t *domain);

// ---- identity (identity.c)

// Does a translation still show the same person? The mean cosine of the embeddings that a network for face
// recognition gives to a source and to its translation, as papers on editing report it with ArcFace (Deng et
// al. 2019).
typedef struct {
    double sum[RG_ATTRIBUTES_MAX][2]; // of cosines: [asked attribute][wanted label]
    uint64_t n[RG_ATTRIBUTES_MAX][2];
} rg_identity_mean_t;

// The cosine of two vectors [d]; 0 if one of them is all zeros.
double rg_cosine(const float *a, const float *b, int d);

void rg_identity_add(rg_identity_mean_t *identity, const rg_target_t *target, double cosine);
// domain NULL: over all domains. NAN if nothing was asked to become the domain.
double rg_identity_mean(const rg_identity_mean_t *identity, const rg_domain_t *domain);

// What different people reach: the mean cosine of each vector and another one that is drawn. NAN with fewer
// than two.
double rg_identity_of_pairs(const rg_vectors_t *faces, uint64_t seed);

// ---- P@k of retrieval (precision_at_k.c)

// found [queries->n,k]: positions in base of the k vectors nearest to each query by L2, nearest first, of
// equally near ones the first. 1 <= k <= base->n. The search is exact: every query against every vector.
void rg_search_exact(uint32_t *found, const rg_vectors_t *queries, const rg_vectors_t *base, int k);

// A data set and the columns of its labels that are the config's attributes.
typedef struct {
    rg_dataset_t set;
    int column[RG_ATTRIBUTES_MAX];
} rg_labelled_t;

// P@k on [0,1] (RG-UNIT, section 4): the fraction of right labels among the k retrieved images. `attributes`
// compares the config's attributes with the wanted labels. `content` compares all other labels with the
// query's own. `strict` counts the images whose attributes are all right.
typedef struct {
    double attributes, content, strict; // sums over the queries
    uint64_t queries;
    int has_content; // the data set annotates more than the config's attributes
} rg_precision_at_k_t;

// Adds a query and the k images (positions in the data set) that were found for it.
void rg_precision_at_k_add(rg_precision_at_k_t *precision, const rg_labelled_t *data,
                           const rg_config_t *config, const rg_target_t *target, const uint32_t *found,
                           int k);

// average: of attributes and content. content and average are NAN where nothing else is annotated.
typedef struct {
    double attributes, content, average, strict;
} rg_precision_means_t;

rg_precision_means_t rg_precision_at_k_means(const rg_precision_at_k_t *precision);

#endif
