// A run directory to evaluate: a few procedural faces, checkpoints of untrained networks, and a retrieval
// service in a process of its own. Evaluations need a hand-made classifier: its logit is negative for every
// attribute and image, so its accuracy follows from the labels alone.
#ifndef RG_TEST_EVALUATION_FIXTURE_H
#define RG_TEST_EVALUATION_FIXTURE_H

#include <jansson.h>

#include "services/evaluator/evaluate.h"

// evaluation.k, and the index generation of the retrieval service.
enum { FIXTURE_FACES = 80, FIXTURE_K = 3, FIXTURE_GENERATION = 7 };

extern rg_config_t config;         // of the run; a test that changes a key changes it back
extern const char *fixture_folder; // the test's folder: run/ and faces/ are in it

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

// ---- checkpoints

void fixture_save(enum rg_stage stage, rg_params_t *const *sets, int n, const rg_names_t *attributes);
void fixture_save_classifier(void); // on the data set of the config, which later checkpoints have, too
void fixture_save_model(enum rg_stage stage, uint64_t seed); // untrained, of all networks that the stage has

// ---- evaluations

json_t *fixture_evaluate(enum rg_stage stage);                          // succeeds; json_decref() the report
void fixture_fails(enum rg_stage stage, int err, const char *sentence); // part of the sentence

// Removes a stage's report and the run's history, so that the stage is measured again. path: of the report.
void fixture_forget_reports(enum rg_stage stage, char path[RG_PATH_SIZE]);

int fixture_has_samples(enum rg_stage stage); // 1 if the stage's sample grid was written

// An entry of a report; the test fails if it is missing. A rate is in 0..1.
double report_number(const json_t *report, const char *key);
double report_rate(const json_t *report, const char *key);
const char *report_text(const json_t *report, const char *key);

#endif
