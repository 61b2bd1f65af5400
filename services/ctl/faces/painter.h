// A small painter: shapes given by their signed distance, laid over each other with antialiased or soft
// edges. Shapes live in the portrait's own coordinates (origin between the eyes, x right, y down, one unit =
// one pixel at scale 1); the canvas turns, scales and shifts them.
#ifndef RG_CTL_FACES_PAINTER_H
#define RG_CTL_FACES_PAINTER_H

#include "common/data/image.h"

typedef struct {
    float r, g, b; // 0..1
} rg_paint_colour_t;

rg_paint_colour_t rg_paint_mix(rg_paint_colour_t a, rg_paint_colour_t b, float t); // a at t = 0, b at t = 1
rg_paint_colour_t rg_paint_scale(rg_paint_colour_t a, float factor);

typedef struct {
    int width, height;
    float x, y;               // pixel position of the origin
    float cosine, sine;       // of the tilt, times the scale
    rg_paint_colour_t *pixel; // [height,width], owned
} rg_paint_canvas_t;

void rg_paint_canvas_init(rg_paint_canvas_t *canvas, int width, int height);
void rg_paint_canvas_fini(rg_paint_canvas_t *canvas);
void rg_paint_canvas_place(rg_paint_canvas_t *canvas, float x, float y, float scale,
                           float tilt);                                         // tilt in radians
void rg_paint_canvas_image(const rg_paint_canvas_t *canvas, rg_image_t *image); // makes the image

enum { RG_PAINT_BLOB_ANGLES = 128, RG_PAINT_BLOB_POINTS = 9, RG_PAINT_STROKE_POINTS = 7 };
enum rg_paint_shape_kind { RG_PAINT_SHAPE_ELLIPSE, RG_PAINT_SHAPE_BLOB, RG_PAINT_SHAPE_STROKE };

typedef struct {
    enum rg_paint_shape_kind kind;
    float x, y;                             // centre (ellipse, blob)
    float rx, ry, inverse_rx, inverse_ry;   // of an ellipse
    float hollow;                           // > 0: only the outline, this thick
    float radius[RG_PAINT_BLOB_ANGLES + 1]; // of a blob, from straight down to straight up, both sides alike
    struct {
        float x, y, r, dx, dy, dr;   // point and half width, and the way to the next point
        float inverse;               // 1 / squared length of that way
    } point[RG_PAINT_STROKE_POINTS]; // of a stroke
} rg_paint_shape_t;

rg_paint_shape_t rg_paint_ellipse(float x, float y, float rx, float ry);

// A closed outline seen from its centre: radii at 0 (straight down), 22.5, ... 180 degrees (straight up), the
// same on both sides, smoothly joined.
rg_paint_shape_t rg_paint_blob(float x, float y, const float radii[RG_PAINT_BLOB_POINTS]);

// A quadratic Bezier curve from a over the control point b to c, with half widths at start, middle and end.
typedef struct {
    float ax, ay, bx, by, cx, cy, start, middle, end;
} rg_paint_curve_t;
rg_paint_shape_t rg_paint_stroke(rg_paint_curve_t curve);

// Distance from a point to the outline in units, negative inside (good near the outline, rough far away).
float rg_paint_shape_distance(const rg_paint_shape_t *shape, float x, float y);

typedef struct {
    rg_paint_colour_t colour;
    float opacity;
    float soft;                      // width of the edge in units; 0: one pixel
    const rg_paint_shape_t *inside;  // paint only in here (NULL: everywhere)
    const rg_paint_shape_t *outside; // and not in here, with the same edge
    rg_paint_colour_t (*shade)(const void *self, float x, float y, float depth,
                               rg_paint_colour_t colour); // NULL: flat
    const void *self;                                     // of shade; depth: units inside the outline
} rg_paint_brush_t;

void rg_paint(rg_paint_canvas_t *canvas, const rg_paint_shape_t *shape, const rg_paint_brush_t *brush);

// Smooth value noise around 0, -1..1, of one number.
float rg_paint_noise(uint32_t seed, float x);

#endif
