// A painter of shapes: each shape is defined by its signed distance and painted over the earlier ones, with
// antialiased or soft edges. Coordinates are those of the portrait: the origin is between the eyes, x points
// right, y down, and one unit is one pixel at scale 1. The canvas rotates, scales and moves them.
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
void rg_paint_canvas_image(const rg_paint_canvas_t *canvas, rg_image_t *image); // initialises the image

enum { RG_PAINT_BLOB_ANGLES = 128, RG_PAINT_BLOB_POINTS = 9, RG_PAINT_STROKE_POINTS = 7 };
enum rg_paint_shape_kind { RG_PAINT_SHAPE_ELLIPSE, RG_PAINT_SHAPE_BLOB, RG_PAINT_SHAPE_STROKE };

typedef struct {
    enum rg_paint_shape_kind kind;
    float x, y;                           // centre (ellipse, blob)
    float rx, ry, inverse_rx, inverse_ry; // of an ellipse
    float hollow;                         // > 0: only the outline, this thick
    float
        radius[RG_PAINT_BLOB_ANGLES + 1]; // of a blob, from straight down to straight up; the sides are equal
    struct {
        float x, y, r, dx, dy, dr;   // point, half width, and the differences to the next point
        float inverse;               // 1 / squared distance to the next point
    } point[RG_PAINT_STROKE_POINTS]; // of a stroke
} rg_paint_shape_t;

rg_paint_shape_t rg_paint_ellipse(float x, float y, float rx, float ry);

// A smooth closed outline around a centre: its radii at 0 (straight down), 22.5, ... 180 degrees (straight
// up), the same on both sides.
rg_paint_shape_t rg_paint_blob(float x, float y, const float radii[RG_PAINT_BLOB_POINTS]);

// A quadratic Bezier curve from a over the control point b to c, with half widths at start, middle and end.
typedef struct {
    float ax, ay, bx, by, cx, cy, start, middle, end;
} rg_paint_curve_t;
rg_paint_shape_t rg_paint_stroke(rg_paint_curve_t curve);

// The distance from a point to the outline in units, negative inside. It is accurate near the outline only.
float rg_paint_shape_distance(const rg_paint_shape_t *shape, float x, float y);

typedef struct {
    rg_paint_colour_t colour;
    float opacity;
    float soft;                      // width of the edge in units; 0: one pixel
    const rg_paint_shape_t *inside;  // paints only inside this shape; NULL: everywhere
    const rg_paint_shape_t *outside; // does not paint inside this shape; its edge is as soft
    rg_paint_colour_t (*shade)(const void *self, float x, float y, float depth,
                               rg_paint_colour_t colour); // NULL: one colour
    const void *self; // argument of shade; depth: distance from the outline, positive inside
} rg_paint_brush_t;

void rg_paint(rg_paint_canvas_t *canvas, const rg_paint_shape_t *shape, const rg_paint_brush_t *brush);

// Value noise: a smooth random function of x, -1..1.
float rg_paint_noise(uint32_t seed, float x);

#endif
