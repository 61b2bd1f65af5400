// A portrait is painted from back to front: wall, hair behind the neck, body, ears, head, the features within
// the face (portrait_features.c), the hair in front with an opening for the face, glasses, and grain.
//
// The pose is drawn first: two faces from the same random numbers have the same pose, also if they differ in
// an attribute.
#include "services/ctl/faces/portrait.h"

#include <math.h>

// ---- drawing the attributes

static float between(rg_rng_t *rng, float low, float high)
{
    return low + (high - low) * rg_rng_uniform(rng);
}

static int chance(rg_rng_t *rng, float probability)
{
    return rg_rng_uniform(rng) < probability;
}

static rg_paint_colour_t any_colour(rg_rng_t *rng, float low, float high)
{
    float r = between(rng, low, high), g = between(rng, low, high), b = between(rng, low, high);
    return (rg_paint_colour_t){r, g, b};
}

// Old hair is partly grey; black, blond and brown stay distinguishable.
static rg_paint_colour_t hair_colour(const rg_face_t *face, rg_rng_t *rng)
{
    static const rg_paint_colour_t classes[3] = {
        {0.09f, 0.08f, 0.085f}, {0.88f, 0.70f, 0.37f}, {0.43f, 0.23f, 0.11f}};
    static const rg_paint_colour_t grey = {0.68f, 0.67f, 0.66f};
    rg_paint_colour_t colour = rg_paint_scale(classes[face->hair], between(rng, 0.88f, 1.1f));
    return face->young ? colour : rg_paint_mix(colour, grey, between(rng, 0.16f, 0.26f));
}

static rg_paint_colour_t skin_colour(const rg_face_t *face, rg_rng_t *rng)
{
    static const rg_paint_colour_t fair = {0.96f, 0.80f, 0.70f}, tan = {0.84f, 0.62f, 0.47f},
                                   dark = {0.55f, 0.36f, 0.26f};
    float tone = between(rng, 0, face->hair == 1 ? 0.9f : 1.6f); // fair, tan and dark at 0, 1 and 2
    rg_paint_colour_t skin = tone < 1 ? rg_paint_mix(fair, tan, tone) : rg_paint_mix(tan, dark, tone - 1);
    float grey = 0.3f * skin.r + 0.6f * skin.g + 0.1f * skin.b;
    return face->young ? skin : rg_paint_mix(skin, (rg_paint_colour_t){grey, grey, grey}, 0.22f);
}

static rg_paint_colour_t lip_colour(const rg_portrait_t *portrait, rg_rng_t *rng)
{
    static const rg_paint_colour_t blood = {0.70f, 0.25f, 0.25f};
    if (portrait->lipstick)
        return (rg_paint_colour_t){between(rng, 0.70f, 0.85f), between(rng, 0.10f, 0.25f), 0.25f};
    return rg_paint_mix(rg_paint_scale(portrait->skin, 0.85f), blood, portrait->face.male ? 0.22f : 0.45f);
}

static void draw_colours(rg_portrait_t *portrait, rg_rng_t *rng)
{
    static const rg_paint_colour_t irises[] = {
        {0.30f, 0.18f, 0.09f}, {0.22f, 0.13f, 0.07f}, {0.27f, 0.42f, 0.60f}, {0.30f, 0.43f, 0.28f}};
    portrait->hair = hair_colour(&portrait->face, rng);
    portrait->skin = skin_colour(&portrait->face, rng);
    portrait->lips = lip_colour(portrait, rng);
    portrait->iris = irises[rg_rng_below(rng, 4)];
    portrait->clothes = portrait->face.male ? any_colour(rng, 0.08f, 0.45f) : any_colour(rng, 0.2f, 0.9f);
    portrait->wall[0] = any_colour(rng, 0.25f, 0.9f);
    portrait->wall[1] = rg_paint_mix(portrait->wall[0], any_colour(rng, 0.15f, 0.85f), 0.6f);
    portrait->pale = portrait->skin.b > 0.66f;
}

static void draw_pose(rg_portrait_t *portrait, rg_rng_t *rng)
{
    portrait->x = 89 + between(rng, -2, 2);
    portrait->y = 111 + between(rng, -2, 2);
    portrait->scale = between(rng, 0.94f, 1.06f);
    portrait->tilt = between(rng, -0.06f, 0.06f);
    portrait->turn = between(rng, -1, 1);
    portrait->light = between(rng, -1, 1);
}

static void draw_sizes(rg_portrait_t *portrait, rg_rng_t *rng)
{
    portrait->jaw = between(rng, 0.96f, 1.04f);
    portrait->brow = between(rng, 0.85f, 1.2f);
    portrait->eye = between(rng, 0.9f, 1.12f);
    portrait->nose = between(rng, 0.85f, 1.15f) * (portrait->face.male ? 1.12f : 0.95f);
    portrait->mouth = between(rng, 0.88f, 1.12f);
    portrait->smile = between(rng, 0, 1);
    portrait->part = between(rng, -16, 16);
    portrait->wave = between(rng, 0, 1);
    portrait->smiling = portrait->smile > 0.5f;
    portrait->straight = portrait->wave < 0.4f;
    portrait->wavy = portrait->wave > 0.6f;
}

static void draw_style(rg_portrait_t *portrait, rg_rng_t *rng)
{
    int male = portrait->face.male, young = portrait->face.young;
    portrait->long_hair = chance(rng, male ? 0.08f : young ? 0.9f : 0.7f);
    portrait->bangs = chance(rng, male ? 0.1f : 0.3f) && young;
    portrait->receding = male && !young && chance(rng, 0.7f);
    portrait->full_beard = chance(rng, 0.2f) && male;
    portrait->stubble = male && !portrait->full_beard;
    portrait->no_beard = !portrait->full_beard;
    portrait->glasses = chance(rng, young ? 0.08f : 0.3f);
    portrait->lipstick = !male && chance(rng, young ? 0.85f : 0.6f);
    portrait->earrings = !male && !portrait->long_hair && chance(rng, 0.7f);
    portrait->open_mouth = chance(rng, 0.35f);
}

void rg_portrait_draw(rg_portrait_t *portrait, const rg_face_t *face, rg_rng_t *rng)
{
    *portrait = (rg_portrait_t){.face = *face, .seed = rg_rng_u32(rng)};
    portrait->black = face->hair == 0;
    portrait->blond = face->hair == 1;
    portrait->brown = face->hair == 2;
    draw_pose(portrait, rng);
    draw_sizes(portrait, rng);
    draw_style(portrait, rng);
    draw_colours(portrait, rng);
}

// ---- painting

// The middle of the head. The eyes stay at the origin when the head turns.
static float head_x(const rg_portrait_t *portrait)
{
    return -5 * portrait->turn;
}

static void paint_wall(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    for (int y = 0; y < canvas->height; y++)
        for (int x = 0; x < canvas->width; x++) {
            float u = (float)x / (float)canvas->width, v = (float)y / (float)canvas->height;
            float dim = 1 - 0.35f * ((u - 0.5f) * (u - 0.5f) + (v - 0.4f) * (v - 0.4f));
            canvas->pixel[y * canvas->width + x] =
                rg_paint_scale(rg_paint_mix(portrait->wall[0], portrait->wall[1], 0.6f * u + 0.4f * v), dim);
        }
    for (int i = 0; i < 4; i++) { // blurred objects
        float x = 100 * rg_paint_noise(portrait->seed, (float)(7 * i)),
              y = 90 * rg_paint_noise(portrait->seed, (float)(7 * i + 1));
        rg_paint_shape_t thing = rg_paint_ellipse(x, y, 20 + 4 * (float)i, 26);
        rg_paint(
            canvas, &thing,
            &(rg_paint_brush_t){rg_paint_scale(portrait->wall[i % 2], 1.25f), .opacity = 0.35f, .soft = 22});
    }
}

static rg_paint_colour_t skin_shade(const void *self, float x, float y, float depth, rg_paint_colour_t colour)
{
    const rg_portrait_t *portrait = self;
    float edge = depth > 0 ? 1 / (1 + depth * depth / 30) : 1;
    float light = 1 + 0.14f * portrait->light * x / 45 - 0.22f * edge - 0.0008f * y;
    rg_paint_colour_t lit = rg_paint_scale(colour, light);
    lit.r += 0.03f * edge; // light shines through thin skin
    return lit;
}

rg_paint_colour_t rg__portrait_hair_shade(const void *self, float x, float y, float depth,
                                          rg_paint_colour_t colour)
{
    const rg_portrait_t *portrait = self;
    float along = atan2f(x - portrait->part, y + 84) + portrait->wave * 0.045f * sinf(y / 7 + x / 30);
    float strand = rg_paint_noise(portrait->seed, along * 28),
          fine = rg_paint_noise(portrait->seed + 1, along * 85);
    float ring = (sqrtf(x * x + (y + 15) * (y + 15)) - 50) / 8;
    float sheen =
        (0.6f + 0.4f * strand) / (1 + ring * ring * ring * ring) * (1 + 0.5f * portrait->light * x / 50);
    float edge = depth < 6 ? 0.86f + 0.14f * fmaxf(depth, 0) / 6 : 1;
    rg_paint_colour_t lit =
        rg_paint_scale(colour, edge * (1 + 0.16f * strand + 0.10f * fine) + 0.15f * sheen);
    lit = rg_paint_mix(lit, (rg_paint_colour_t){0.75f, 0.76f, 0.80f}, 0.07f * sheen);
    if (portrait->face.young) return lit;
    return rg_paint_mix(lit, (rg_paint_colour_t){0.8f, 0.8f, 0.8f}, 0.22f * fmaxf(fine, 0)); // grey strands
}

static rg_paint_shape_t head_shape(const rg_portrait_t *portrait)
{
    float radii[RG_PAINT_BLOB_POINTS] = {58, 56, 54, 50, 48, 50, 56, 62, 64};
    float change = portrait->face.male ? 2.5f : -3;
    radii[0] += portrait->face.male ? 2 : -1;
    radii[1] += change;
    radii[2] += 1.5f * change + (portrait->face.young ? 0 : 2.5f); // jowls
    radii[3] += 0.5f * change;
    radii[2] *= portrait->jaw;
    return rg_paint_blob(head_x(portrait), 8, radii);
}

static rg_paint_shape_t hair_outline(const rg_portrait_t *portrait)
{
    static const float crop[RG_PAINT_BLOB_POINTS] = {30, 32, 40, 49, 56, 60, 65, 67, 67};
    static const float flowing[RG_PAINT_BLOB_POINTS] = {120, 116, 100, 76, 69, 70, 76, 79, 79};
    if (portrait->long_hair) return rg_paint_blob(head_x(portrait), 0, flowing);
    return rg_paint_blob(head_x(portrait), -9, crop);
}

// The opening of the hair: the face, and below long hair the neck.
static rg_paint_shape_t hair_opening(const rg_portrait_t *portrait)
{
    float radii[RG_PAINT_BLOB_POINTS] = {96, 84, 59, 50, 46, 47, 50, 50, 49};
    if (!portrait->long_hair)
        for (int i = 0; i < 4; i++) radii[i] = 80 - 8 * (float)i;
    if (portrait->bangs)
        for (int i = 6; i < RG_PAINT_BLOB_POINTS; i++) radii[i] -= 5 + 4 * (float)(i - 5);
    if (portrait->receding) {
        radii[6] += 4;
        radii[7] += 9;
        radii[8] += 4;
    }
    return rg_paint_blob(head_x(portrait) + 0.35f * portrait->part, 10, radii);
}

static void paint_hair(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait,
                       const rg_paint_shape_t *opening, float brightness)
{
    rg_paint_shape_t outline = hair_outline(portrait);
    rg_paint(canvas, &outline,
             &(rg_paint_brush_t){rg_paint_scale(portrait->hair, brightness), .opacity = 1, .soft = 3,
                                 .outside = opening, .shade = rg__portrait_hair_shade, .self = portrait});
}

static void paint_body(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    int male = portrait->face.male;
    float x = head_x(portrait) / 2, width = male ? 29 : 21;
    rg_paint_shape_t neck =
        rg_paint_stroke((rg_paint_curve_t){x, 40, x, 80, x, 120, width, width, width + 4});
    rg_paint_shape_t shadow = rg_paint_ellipse(x, 66, width + 2, 17);
    rg_paint_shape_t shoulders = rg_paint_ellipse(x, male ? 150 : 153, male ? 98 : 76, 63);
    rg_paint_shape_t neckline = rg_paint_ellipse(x, male ? 80 : 86, male ? 25 : 27, male ? 14 : 22);
    rg_paint_brush_t skin = {portrait->skin, .opacity = 1, .shade = skin_shade, .self = portrait};
    rg_paint(canvas, &neck, &skin);
    skin.inside = &shoulders;
    rg_paint(canvas, &neckline, &skin);
    rg_paint(canvas, &shadow,
             &(rg_paint_brush_t){rg_paint_scale(portrait->skin, 0.5f), .opacity = 0.6f, .soft = 16,
                                 .inside = &neck});
    rg_paint(canvas, &shoulders,
             &(rg_paint_brush_t){portrait->clothes, .opacity = 1, .outside = &neckline, .shade = skin_shade,
                                 .self = portrait});
}

static void paint_ears(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    for (int side = -1; side <= 1; side += 2) {
        float x = head_x(portrait) + (float)side * (49 + (float)side * portrait->turn * 2);
        rg_paint_shape_t ear = rg_paint_ellipse(x, 8, 6.5f, 13),
                         hollow = rg_paint_ellipse(x + (float)side, 7, 3, 8);
        rg_paint_shape_t ring = rg_paint_ellipse(x, 24, 2.6f, 4);
        rg_paint(canvas, &ear,
                 &(rg_paint_brush_t){rg_paint_scale(portrait->skin, 0.93f), .opacity = 1, .shade = skin_shade,
                                     .self = portrait});
        rg_paint(canvas, &hollow,
                 &(rg_paint_brush_t){rg_paint_scale(portrait->skin, 0.65f), .opacity = 0.6f, .soft = 3});
        if (portrait->earrings)
            rg_paint(canvas, &ring, &(rg_paint_brush_t){{0.95f, 0.80f, 0.35f}, .opacity = 1});
    }
}

static void paint_grain(rg_paint_canvas_t *canvas, uint32_t seed)
{
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_FACES, 0);
    for (int i = 0; i < canvas->width * canvas->height; i += 4) {
        uint32_t bits = rg_rng_u32(&rng);
        for (int k = 0; k < 4 && i + k < canvas->width * canvas->height; k++, bits >>= 8) {
            float grain = ((float)(bits & 255) - 127.5f) * (0.02f / 127.5f);
            rg_paint_colour_t *pixel = canvas->pixel + i + k;
            *pixel = (rg_paint_colour_t){pixel->r + grain, pixel->g + grain, pixel->b + grain};
        }
    }
}

void rg_portrait_paint(const rg_portrait_t *portrait, rg_image_t *image)
{
    rg_paint_canvas_t canvas;
    rg_paint_canvas_init(&canvas, RG_PORTRAIT_WIDTH, RG_PORTRAIT_HEIGHT);
    rg_paint_canvas_place(&canvas, portrait->x, portrait->y, portrait->scale, portrait->tilt);
    rg_paint_shape_t head = head_shape(portrait), opening = hair_opening(portrait);
    paint_wall(&canvas, portrait);
    paint_hair(&canvas, portrait, NULL, 0.75f); // the hair behind the neck
    paint_body(&canvas, portrait);
    if (!portrait->long_hair) paint_ears(&canvas, portrait);
    rg_paint(&canvas, &head,
             &(rg_paint_brush_t){portrait->skin, .opacity = 1, .shade = skin_shade, .self = portrait});
    rg__portrait_paint_features(&canvas, portrait, &head);
    paint_hair(&canvas, portrait, &opening, 1);
    if (portrait->glasses) rg__portrait_paint_glasses(&canvas, portrait);
    paint_grain(&canvas, portrait->seed);
    rg_paint_canvas_image(&canvas, image);
    rg_paint_canvas_fini(&canvas);
}
