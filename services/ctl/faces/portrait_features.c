// The features of a face: eyes, brows, nose, mouth, beard, glasses and wrinkles.
#include "services/ctl/faces/portrait.h"

static const rg_paint_colour_t dark = {0.10f, 0.07f, 0.06f}, white = {0.97f, 0.95f, 0.93f};

static void fill(rg_paint_canvas_t *canvas, rg_paint_shape_t shape, rg_paint_colour_t colour, float opacity,
                 float soft)
{
    rg_paint(canvas, &shape, &(rg_paint_brush_t){colour, .opacity = opacity, .soft = soft});
}

static rg_paint_colour_t shadow(const rg_portrait_t *portrait)
{
    rg_paint_colour_t colour = rg_paint_scale(portrait->skin, 0.5f);
    colour.r *= 1.12f;
    return colour;
}

// A line or fold in the skin.
static void crease(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait, rg_paint_curve_t curve,
                   float opacity)
{
    fill(canvas, rg_paint_stroke(curve), shadow(portrait), opacity, 2);
}

static void paint_eye(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait, float side)
{
    float x = 20 * side, size = portrait->eye, open = portrait->face.young ? 5.4f * size : 4.2f * size;
    float lash = portrait->face.male ? 0.7f : 1.3f, gaze = x + 0.8f * portrait->turn;
    rg_paint_shape_t ball = rg_paint_ellipse(x, 0, 10 * size, open),
                     iris = rg_paint_ellipse(gaze, -0.3f, 4.9f, 4.9f);
    fill(canvas, rg_paint_ellipse(x - 2 * side, -3, 14, 9), shadow(portrait), 0.32f, 10);
    rg_paint(canvas, &ball, &(rg_paint_brush_t){white, .opacity = 1});
    rg_paint(canvas, &iris, &(rg_paint_brush_t){portrait->iris, .opacity = 1, .inside = &ball});
    fill(canvas, rg_paint_ellipse(gaze, -0.3f, 2.3f, 2.3f), dark, 1, 0);
    fill(canvas, rg_paint_ellipse(gaze - 1.6f, -2, 1.3f, 1.3f), white, 0.95f, 0);
    float inner = x - 10.5f * size * side, outer = x + 11 * size * side;
    fill(canvas, rg_paint_stroke((rg_paint_curve_t){inner, 1, x, -2 * open - 1, outer, 0, 0.5f, lash, lash}),
         dark, 0.92f, 0);
    fill(canvas, rg_paint_stroke((rg_paint_curve_t){inner, 1, x, 2 * open, outer, 0, 0.3f, 0.5f, 0.6f}),
         shadow(portrait), 0.6f, 0);
    crease(canvas, portrait, (rg_paint_curve_t){inner, -4, x, -3 * open - 2, outer, -4, 0.3f, 0.6f, 0.3f},
           0.5f);
    if (!portrait->face.male)
        fill(canvas,
             rg_paint_stroke(
                 (rg_paint_curve_t){outer - 3 * side, -1, outer, -2, outer + 3 * side, -4, 1, 0.9f, 0.3f}),
             dark, 0.9f, 0);
}

static rg_paint_colour_t brow_colour(const rg_portrait_t *portrait)
{
    return rg_paint_mix(rg_paint_scale(portrait->hair, portrait->blond ? 0.68f : 0.85f), dark,
                        portrait->blond ? 0.1f : 0.25f);
}

static void paint_brow(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait, float side)
{
    float x = 20 * side, thick = portrait->brow * (portrait->face.male ? 2.5f : 1.2f);
    float y = portrait->face.male ? -11.5f : -14, arch = portrait->face.male ? 4 : 9;
    rg_paint_curve_t brow = {x - 11 * side, y,     x + 3 * side, y - arch,    x + 14 * side,
                             y + 1,         thick, 1.1f * thick, 0.4f * thick};
    fill(canvas, rg_paint_stroke(brow), brow_colour(portrait), 0.95f, 2);
}

static void paint_nose(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    float x = 3 * portrait->turn, w = portrait->nose, shade = portrait->light > 0 ? -1 : 1;
    fill(canvas,
         rg_paint_stroke((rg_paint_curve_t){4 * shade, -6, 3 * shade + x, 8, 8 * shade * w + x, 22, 1, 2, 3}),
         shadow(portrait), 0.4f, 7);
    fill(canvas, rg_paint_stroke((rg_paint_curve_t){0, -4, x, 10, x, 21, 1, 1.5f, 3}),
         rg_paint_mix(portrait->skin, white, 0.5f), 0.45f, 5);
    fill(canvas, rg_paint_ellipse(x, 28, 10 * w, 4), shadow(portrait), 0.4f, 6);
    for (float side = -1; side <= 1; side += 2) {
        fill(canvas, rg_paint_ellipse(x + 4.6f * w * side, 26, 2.6f * w, 1.5f),
             rg_paint_scale(shadow(portrait), 0.6f), 0.85f, 2);
        crease(canvas, portrait,
               (rg_paint_curve_t){x + 8.5f * w * side, 18, x + 13 * w * side, 24, x + 8 * w * side, 27, 0.4f,
                                  0.8f, 0.4f},
               0.6f);
    }
}

static void paint_mouth(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    float x = 2 * portrait->turn, w = (15 + 3 * portrait->smile) * portrait->mouth,
          full = portrait->face.young ? 1 : 0.75f;
    float open = portrait->open_mouth ? 6 : 0, corner = 44 - 3 * portrait->smile,
          middle = 44 + 6 * portrait->smile;
    if (portrait->face.male) full *= 0.85f;
    rg_paint_curve_t line = {x - w, corner, x, middle, x + w, corner, 0.5f, 0.8f, 0.5f};
    rg_paint_curve_t upper = {x - w, corner, x, middle - 4.5f, x + w, corner, 0.6f, 2.6f * full, 0.6f};
    rg_paint_curve_t lower = {x - w + 1, corner,      x,   middle + 6 + 2 * open, x + w - 1, corner,
                              0.6f,      3.4f * full, 0.6f};
    rg_paint_curve_t cavity = {x - w + 2, corner,       x,   middle + open, x + w - 2, corner,
                               0.5f,      1 + open / 2, 0.5f};
    rg_paint_curve_t teeth = {x - w + 5, corner + 0.5f, x,   middle + 0.5f * open, x + w - 5, corner + 0.5f,
                              0.4f,      0.4f * open,   0.4f};
    fill(canvas, rg_paint_ellipse(x, 55 + open, 0.7f * w, 3), shadow(portrait), 0.35f, 6);
    if (portrait->open_mouth) {
        fill(canvas, rg_paint_stroke(cavity), (rg_paint_colour_t){0.30f, 0.08f, 0.08f}, 1, 0);
        fill(canvas, rg_paint_stroke(teeth), white, 0.95f, 0);
    }
    fill(canvas, rg_paint_stroke(lower), portrait->lips, 0.95f, 2);
    fill(canvas, rg_paint_stroke(upper), rg_paint_scale(portrait->lips, 0.88f), 0.95f, 2);
    fill(canvas, rg_paint_ellipse(x, 49 + 2 * portrait->smile + open, 5, 1.2f), white,
         portrait->lipstick ? 0.35f : 0.15f, 3);
    if (!portrait->open_mouth)
        fill(canvas, rg_paint_stroke(line), rg_paint_scale(portrait->lips, 0.35f), 0.9f, 0);
}

static void paint_stubble(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait,
                          const rg_paint_shape_t *head)
{
    rg_paint_shape_t jaw = rg_paint_ellipse(head->x, 50, 52, 36),
                     cheeks = rg_paint_ellipse(head->x, 14, 40, 29);
    rg_paint_colour_t colour = rg_paint_mix(portrait->hair, rg_paint_scale(portrait->skin, 0.4f), 0.5f);
    rg_paint(canvas, &jaw,
             &(rg_paint_brush_t){colour, .opacity = portrait->blond ? 0.30f : 0.38f, .soft = 12,
                                 .inside = head, .outside = &cheeks});
}

static void paint_beard(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait,
                        const rg_paint_shape_t *head)
{
    rg_paint_shape_t jaw = rg_paint_ellipse(head->x, 50, 52, 36),
                     cheeks = rg_paint_ellipse(head->x, 12, 40, 29);
    rg_paint_shape_t moustache =
        rg_paint_stroke((rg_paint_curve_t){-17, 43, 2 * portrait->turn, 31, 17, 43, 1.5f, 3, 1.5f});
    rg_paint_brush_t brush = {
        rg_paint_scale(portrait->hair, 0.85f), .opacity = 0.9f, .soft = 5, .inside = head, .outside = &cheeks,
        .shade = rg__portrait_hair_shade,      .self = portrait};
    rg_paint(canvas, &jaw, &brush);
    brush.outside = NULL;
    rg_paint(canvas, &moustache, &brush);
}

static void paint_blush(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    float strength = portrait->face.male ? 0.12f : portrait->lipstick ? 0.35f : 0.22f;
    for (float side = -1; side <= 1; side += 2)
        fill(canvas, rg_paint_ellipse(31 * side, 24, 13, 10), (rg_paint_colour_t){0.90f, 0.40f, 0.36f},
             strength, 16);
}

static void paint_age_of_side(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait, float s)
{
    crease(canvas, portrait, (rg_paint_curve_t){11 * s, 8, 20 * s, 15, 30 * s, 7, 0.4f, 1.1f, 0.4f},
           0.75f); // bags
    crease(canvas, portrait, (rg_paint_curve_t){13 * s, 11, 21 * s, 19, 30 * s, 11, 0.3f, 0.8f, 0.3f}, 0.5f);
    crease(canvas, portrait, (rg_paint_curve_t){11 * s, 22, 20 * s, 32, 23 * s, 48, 0.5f, 1.4f, 0.6f},
           0.85f); // folds
    crease(canvas, portrait, (rg_paint_curve_t){19 * s, 48, 22 * s, 54, 20 * s, 61, 0.4f, 0.9f, 0.3f}, 0.6f);
    for (float i = -1; i <= 1; i++) // crow's feet
        crease(canvas, portrait,
               (rg_paint_curve_t){33 * s, 1.5f * i, 37 * s, 3 * i, 42 * s, 5 * i, 0.6f, 0.6f, 0.2f}, 0.65f);
    fill(canvas, rg_paint_ellipse(34 * s, 33, 7, 14), shadow(portrait), 0.3f, 12); // sunken cheeks
}

static void paint_age(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    for (float y = -36; y <= -22; y += 7)
        crease(canvas, portrait, (rg_paint_curve_t){-26, y + 2, 0, y - 4, 26, y + 2, 0.3f, 0.9f, 0.3f}, 0.6f);
    crease(canvas, portrait, (rg_paint_curve_t){-3.5f, -15, -3, -11, -4, -8, 0.3f, 0.7f, 0.3f}, 0.6f);
    crease(canvas, portrait, (rg_paint_curve_t){3.5f, -15, 3, -11, 4, -8, 0.3f, 0.7f, 0.3f}, 0.6f);
    paint_age_of_side(canvas, portrait, -1);
    paint_age_of_side(canvas, portrait, 1);
}

void rg__portrait_paint_features(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait,
                                 const rg_paint_shape_t *head)
{
    paint_blush(canvas, portrait);
    if (!portrait->face.young) paint_age(canvas, portrait);
    if (portrait->stubble) paint_stubble(canvas, portrait, head);
    if (portrait->full_beard) paint_beard(canvas, portrait, head);
    for (float side = -1; side <= 1; side += 2) {
        paint_eye(canvas, portrait, side);
        paint_brow(canvas, portrait, side);
    }
    paint_nose(canvas, portrait);
    paint_mouth(canvas, portrait);
}

void rg__portrait_paint_glasses(rg_paint_canvas_t *canvas, const rg_portrait_t *portrait)
{
    static const rg_paint_colour_t frame = {0.12f, 0.10f, 0.10f};
    for (float side = -1; side <= 1; side += 2) {
        rg_paint_shape_t lens = rg_paint_ellipse(20.5f * side, 1, 15.5f, 12.5f), rim = lens;
        rim.hollow = 2.2f;
        fill(canvas, lens, white, 0.10f, 0);
        fill(canvas, rim, frame, 0.95f, 0);
        fill(canvas,
             rg_paint_stroke((rg_paint_curve_t){36 * side, -1, 42 * side, -2, 49 * side - 5 * portrait->turn,
                                                -2, 1.1f, 1, 1}),
             frame, 0.95f, 0);
    }
    fill(canvas, rg_paint_stroke((rg_paint_curve_t){-5, 0, 0, -4, 5, 0, 1, 1, 1}), frame, 0.95f, 0);
}
