#include "common/data/portrait.h"

#include <math.h>

// The head's middle; the eyes stay where they are when the head turns.
static float head_x(const rg_look_t *look)
{
    return -5 * look->turn;
}

static void paint_wall(rg_canvas_t *canvas, const rg_look_t *look)
{
    for (int y = 0; y < canvas->height; y++)
        for (int x = 0; x < canvas->width; x++) {
            float u = (float)x / (float)canvas->width, v = (float)y / (float)canvas->height;
            float dim = 1 - 0.35f * ((u - 0.5f) * (u - 0.5f) + (v - 0.4f) * (v - 0.4f));
            canvas->pixel[y * canvas->width + x] =
                rg_colour_scale(rg_colour_mix(look->wall[0], look->wall[1], 0.6f * u + 0.4f * v), dim);
        }
    for (int i = 0; i < 4; i++) { // out of focus things
        float x = 100 * rg_noise(look->seed, (float)(7 * i)),
              y = 90 * rg_noise(look->seed, (float)(7 * i + 1));
        rg_shape_t thing = rg_ellipse(x, y, 20 + 4 * (float)i, 26);
        rg_canvas_paint(
            canvas, &thing,
            &(rg_brush_t){rg_colour_scale(look->wall[i % 2], 1.25f), .opacity = 0.35f, .soft = 22});
    }
}

static rg_colour_t skin_shade(const void *self, float x, float y, float depth, rg_colour_t colour)
{
    const rg_look_t *look = self;
    float edge = depth > 0 ? 1 / (1 + depth * depth / 30) : 1;
    float light = 1 + 0.14f * look->light * x / 45 - 0.22f * edge - 0.0008f * y;
    rg_colour_t lit = rg_colour_scale(colour, light);
    lit.r += 0.03f * edge; // thin skin glows
    return lit;
}

rg_colour_t rg__hair_shade(const void *self, float x, float y, float depth, rg_colour_t colour)
{
    const rg_look_t *look = self;
    float along = atan2f(x - look->part, y + 84) + look->wave * 0.045f * sinf(y / 7 + x / 30);
    float strand = rg_noise(look->seed, along * 28), fine = rg_noise(look->seed + 1, along * 85);
    float ring = (sqrtf(x * x + (y + 15) * (y + 15)) - 50) / 8;
    float sheen =
        (0.6f + 0.4f * strand) / (1 + ring * ring * ring * ring) * (1 + 0.5f * look->light * x / 50);
    float edge = depth < 6 ? 0.86f + 0.14f * fmaxf(depth, 0) / 6 : 1;
    rg_colour_t lit = rg_colour_scale(colour, edge * (1 + 0.16f * strand + 0.10f * fine) + 0.15f * sheen);
    lit = rg_colour_mix(lit, (rg_colour_t){0.75f, 0.76f, 0.80f}, 0.07f * sheen);
    if (look->face.young) return lit;
    return rg_colour_mix(lit, (rg_colour_t){0.8f, 0.8f, 0.8f}, 0.22f * fmaxf(fine, 0)); // grey strands
}

static rg_shape_t head_shape(const rg_look_t *look)
{
    float radii[RG_BLOB_POINTS] = {58, 56, 54, 50, 48, 50, 56, 62, 64};
    float change = look->face.male ? 2.5f : -3;
    radii[0] += look->face.male ? 2 : -1;
    radii[1] += change;
    radii[2] += 1.5f * change + (look->face.young ? 0 : 2.5f); // jowls
    radii[3] += 0.5f * change;
    radii[2] *= look->jaw;
    return rg_blob(head_x(look), 8, radii);
}

static rg_shape_t hair_outline(const rg_look_t *look)
{
    static const float crop[RG_BLOB_POINTS] = {30, 32, 40, 49, 56, 60, 65, 67, 67};
    static const float flowing[RG_BLOB_POINTS] = {120, 116, 100, 76, 69, 70, 76, 79, 79};
    if (look->long_hair) return rg_blob(head_x(look), 0, flowing);
    return rg_blob(head_x(look), -9, crop);
}

// Where the hair leaves the face, and under long hair the neck, free.
static rg_shape_t hair_opening(const rg_look_t *look)
{
    float radii[RG_BLOB_POINTS] = {96, 84, 59, 50, 46, 47, 50, 50, 49};
    if (!look->long_hair)
        for (int i = 0; i < 4; i++) radii[i] = 80 - 8 * (float)i;
    if (look->bangs)
        for (int i = 6; i < RG_BLOB_POINTS; i++) radii[i] -= 5 + 4 * (float)(i - 5);
    if (look->receding) {
        radii[6] += 4;
        radii[7] += 9;
        radii[8] += 4;
    }
    return rg_blob(head_x(look) + 0.35f * look->part, 10, radii);
}

static void paint_hair(rg_canvas_t *canvas, const rg_look_t *look, const rg_shape_t *opening,
                       float brightness)
{
    rg_shape_t outline = hair_outline(look);
    rg_canvas_paint(canvas, &outline,
                    &(rg_brush_t){rg_colour_scale(look->hair, brightness), .opacity = 1, .soft = 3,
                                  .outside = opening, .shade = rg__hair_shade, .self = look});
}

static void paint_body(rg_canvas_t *canvas, const rg_look_t *look)
{
    int male = look->face.male;
    float x = head_x(look) / 2, width = male ? 29 : 21;
    rg_shape_t neck = rg_stroke((rg_curve_t){x, 40, x, 80, x, 120, width, width, width + 4});
    rg_shape_t shadow = rg_ellipse(x, 66, width + 2, 17);
    rg_shape_t shoulders = rg_ellipse(x, male ? 150 : 153, male ? 98 : 76, 63);
    rg_shape_t neckline = rg_ellipse(x, male ? 80 : 86, male ? 25 : 27, male ? 14 : 22);
    rg_brush_t skin = {look->skin, .opacity = 1, .shade = skin_shade, .self = look};
    rg_canvas_paint(canvas, &neck, &skin);
    skin.inside = &shoulders;
    rg_canvas_paint(canvas, &neckline, &skin);
    rg_canvas_paint(
        canvas, &shadow,
        &(rg_brush_t){rg_colour_scale(look->skin, 0.5f), .opacity = 0.6f, .soft = 16, .inside = &neck});
    rg_canvas_paint(
        canvas, &shoulders,
        &(rg_brush_t){look->clothes, .opacity = 1, .outside = &neckline, .shade = skin_shade, .self = look});
}

static void paint_ears(rg_canvas_t *canvas, const rg_look_t *look)
{
    for (int side = -1; side <= 1; side += 2) {
        float x = head_x(look) + (float)side * (49 + (float)side * look->turn * 2);
        rg_shape_t ear = rg_ellipse(x, 8, 6.5f, 13), hollow = rg_ellipse(x + (float)side, 7, 3, 8);
        rg_shape_t ring = rg_ellipse(x, 24, 2.6f, 4);
        rg_canvas_paint(canvas, &ear,
                        &(rg_brush_t){rg_colour_scale(look->skin, 0.93f), .opacity = 1, .shade = skin_shade,
                                      .self = look});
        rg_canvas_paint(canvas, &hollow,
                        &(rg_brush_t){rg_colour_scale(look->skin, 0.65f), .opacity = 0.6f, .soft = 3});
        if (look->earrings)
            rg_canvas_paint(canvas, &ring, &(rg_brush_t){{0.95f, 0.80f, 0.35f}, .opacity = 1});
    }
}

static void paint_grain(rg_canvas_t *canvas, uint32_t seed)
{
    rg_rng_t rng;
    rg_rng_init(&rng, seed, RG_RNG_FACES, 0);
    for (int i = 0; i < canvas->width * canvas->height; i += 4) {
        uint32_t bits = rg_rng_u32(&rng);
        for (int k = 0; k < 4 && i + k < canvas->width * canvas->height; k++, bits >>= 8) {
            float grain = ((float)(bits & 255) - 127.5f) * (0.02f / 127.5f);
            rg_colour_t *pixel = canvas->pixel + i + k;
            *pixel = (rg_colour_t){pixel->r + grain, pixel->g + grain, pixel->b + grain};
        }
    }
}

void rg_portrait_paint(const rg_look_t *look, rg_image_t *image)
{
    rg_canvas_t canvas;
    rg_canvas_init(&canvas, RG_PORTRAIT_WIDTH, RG_PORTRAIT_HEIGHT);
    rg_canvas_place(&canvas, look->x, look->y, look->scale, look->tilt);
    rg_shape_t head = head_shape(look), opening = hair_opening(look);
    paint_wall(&canvas, look);
    paint_hair(&canvas, look, NULL, 0.75f); // what hangs behind the neck
    paint_body(&canvas, look);
    if (!look->long_hair) paint_ears(&canvas, look);
    rg_canvas_paint(&canvas, &head,
                    &(rg_brush_t){look->skin, .opacity = 1, .shade = skin_shade, .self = look});
    rg__features_paint(&canvas, look, &head);
    paint_hair(&canvas, look, &opening, 1);
    if (look->glasses) rg__glasses_paint(&canvas, look);
    paint_grain(&canvas, look->seed);
    rg_canvas_image(&canvas, image);
    rg_canvas_fini(&canvas);
}
