// The same question to several services at once, e.g. for their status: who answers, who stays silent. With
// --watch it is asked again every second.
//
// A command that is a survey has rg_survey_options, rg_survey_parse and a rg_survey_input_t as its own.
#ifndef RG_CTL_SURVEY_H
#define RG_CTL_SURVEY_H

#include <jansson.h>

#include "common/config/services.h"
#include "common/wire/msg.h"
#include "services/ctl/command.h"

// One service of the services.
typedef struct {
    const char *service; // NULL: not asked
    const void *answer;  // the body of its reply, NULL: none came
} rg_survey_row_t;

typedef struct {
    Rg__V1__Envelope__BodyCase question, answer; // the question has no fields
    void (*print)(const rg_survey_row_t rows[RG_SERVICES]);
    void (*put)(json_t *object, const void *answer); // adds what an answer says
} rg_survey_t;

typedef struct {
    unsigned services; // 0: all
    int watch;
} rg_survey_input_t;

extern const struct argp_option rg_survey_options[];
error_t rg_survey_parse(int key, char *arg, struct argp_state *state);

// RG_ETIMEOUT naming the silent ones, after the others are shown. RG_ESTOPPED.
int rg_survey_run(const rg_survey_t *survey, const rg_options_t *options, const rg_survey_input_t *input);

#endif
