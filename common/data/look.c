#include "common/data/look.h"

static float between(rg_rng_t *rng, float low, float high)
{
    return low + (high - low) * rg_rng_uniform(rng);
}

static int chance(rg_rng_t *rng, float probability)
{
    return rg_rng_uniform(rng) < probability;
}

static rg_colour_t any_colour(rg_rng_t *rng, float low, float high)
{
    float r = between(rng, low, high), g = between(rng, low, high), b = between(rng, low, high);
    return (rg_colour_t){r, g, b};
}

// Grey comes into old hair, but black, blond and brown stay apart.
static rg_colour_t hair_colour(const rg_face_t *face, rg_rng_t *rng)
{
    static const rg_colour_t classes[3] = {
        {0.09f, 0.08f, 0.085f}, {0.88f, 0.70f, 0.37f}, {0.43f, 0.23f, 0.11f}};
    static const rg_colour_t grey = {0.68f, 0.67f, 0.66f};
    rg_colour_t colour = rg_colour_scale(classes[face->hair], between(rng, 0.88f, 1.1f));
    return face->young ? colour : rg_colour_mix(colour, grey, between(rng, 0.16f, 0.26f));
}

static rg_colour_t skin_colour(const rg_face_t *face, rg_rng_t *rng)
{
    static const rg_colour_t fair = {0.96f, 0.80f, 0.70f}, tan = {0.84f, 0.62f, 0.47f},
                             dark = {0.55f, 0.36f, 0.26f};
    float tone = between(rng, 0, face->hair == 1 ? 0.9f : 1.6f); // fair, tan and dark at 0, 1 and 2
    rg_colour_t skin = tone < 1 ? rg_colour_mix(fair, tan, tone) : rg_colour_mix(tan, dark, tone - 1);
    float grey = 0.3f * skin.r + 0.6f * skin.g + 0.1f * skin.b;
    return face->young ? skin : rg_colour_mix(skin, (rg_colour_t){grey, grey, grey}, 0.22f);
}

static rg_colour_t lip_colour(const rg_look_t *look, rg_rng_t *rng)
{
    static const rg_colour_t blood = {0.70f, 0.25f, 0.25f};
    if (look->lipstick) return (rg_colour_t){between(rng, 0.70f, 0.85f), between(rng, 0.10f, 0.25f), 0.25f};
    return rg_colour_mix(rg_colour_scale(look->skin, 0.85f), blood, look->face.male ? 0.22f : 0.45f);
}

static void draw_colours(rg_look_t *look, rg_rng_t *rng)
{
    static const rg_colour_t irises[] = {
        {0.30f, 0.18f, 0.09f}, {0.22f, 0.13f, 0.07f}, {0.27f, 0.42f, 0.60f}, {0.30f, 0.43f, 0.28f}};
    look->hair = hair_colour(&look->face, rng);
    look->skin = skin_colour(&look->face, rng);
    look->lips = lip_colour(look, rng);
    look->iris = irises[rg_rng_below(rng, 4)];
    look->clothes = look->face.male ? any_colour(rng, 0.08f, 0.45f) : any_colour(rng, 0.2f, 0.9f);
    look->wall[0] = any_colour(rng, 0.25f, 0.9f);
    look->wall[1] = rg_colour_mix(look->wall[0], any_colour(rng, 0.15f, 0.85f), 0.6f);
    look->pale = look->skin.b > 0.66f;
}

static void draw_pose(rg_look_t *look, rg_rng_t *rng)
{
    look->x = 89 + between(rng, -2, 2);
    look->y = 111 + between(rng, -2, 2);
    look->scale = between(rng, 0.94f, 1.06f);
    look->tilt = between(rng, -0.06f, 0.06f);
    look->turn = between(rng, -1, 1);
    look->light = between(rng, -1, 1);
}

static void draw_sizes(rg_look_t *look, rg_rng_t *rng)
{
    look->jaw = between(rng, 0.96f, 1.04f);
    look->brow = between(rng, 0.85f, 1.2f);
    look->eye = between(rng, 0.9f, 1.12f);
    look->nose = between(rng, 0.85f, 1.15f) * (look->face.male ? 1.12f : 0.95f);
    look->mouth = between(rng, 0.88f, 1.12f);
    look->smile = between(rng, 0, 1);
    look->part = between(rng, -16, 16);
    look->wave = between(rng, 0, 1);
    look->smiling = look->smile > 0.5f;
    look->straight = look->wave < 0.4f;
    look->wavy = look->wave > 0.6f;
}

static void draw_style(rg_look_t *look, rg_rng_t *rng)
{
    int male = look->face.male, young = look->face.young;
    look->long_hair = chance(rng, male ? 0.08f : young ? 0.9f : 0.7f);
    look->bangs = chance(rng, male ? 0.1f : 0.3f) && young;
    look->receding = male && !young && chance(rng, 0.7f);
    look->full_beard = chance(rng, 0.2f) && male;
    look->stubble = male && !look->full_beard;
    look->no_beard = !look->full_beard;
    look->glasses = chance(rng, young ? 0.08f : 0.3f);
    look->lipstick = !male && chance(rng, young ? 0.85f : 0.6f);
    look->earrings = !male && !look->long_hair && chance(rng, 0.7f);
    look->open_mouth = chance(rng, 0.35f);
}

void rg_look_draw(rg_look_t *look, const rg_face_t *face, rg_rng_t *rng)
{
    *look = (rg_look_t){.face = *face, .seed = rg_rng_u32(rng)};
    look->black = face->hair == 0;
    look->blond = face->hair == 1;
    look->brown = face->hair == 2;
    draw_pose(look, rng);
    draw_sizes(look, rng);
    draw_style(look, rng);
    draw_colours(look, rng);
}
