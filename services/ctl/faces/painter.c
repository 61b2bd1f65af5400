// Painting a shape: its bounding box is transformed to pixels; for each pixel of the box the inverse transform
// gives the point in portrait coordinates, the distance of the point from the outline gives the opacity, and
// the colour is mixed into the pixel.
//
// The distances are estimates that are accurate near the outline, where the antialiased edge lies. For ellipse
// and blob they are f / |grad f| of a function f that is 0 on the outline:
//   ellipse  f = k (k - 1) with k = |(u / rx, v / ry)|
//   blob     f = r - edge(angle), in polar coordinates around the centre; edge is a spline of the radii
//   stroke   a Bezier curve cut into six segments; the distance to the nearest, minus its width there
#include "services/ctl/faces/painter.h"

#include <math.h>
#include <stdlib.h>

#include "common/core/alloc.h"

typedef struct {
    float x0, y0, x1, y1;
} box_t;

rg_paint_colour_t rg_paint_mix(rg_paint_colour_t a, rg_paint_colour_t b, float t)
{
    return (rg_paint_colour_t){a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b)};
}

rg_paint_colour_t rg_paint_scale(rg_paint_colour_t a, float factor)
{
    return (rg_paint_colour_t){a.r * factor, a.g * factor, a.b * factor};
}

void rg_paint_canvas_init(rg_paint_canvas_t *canvas, int width, int height)
{
    *canvas = (rg_paint_canvas_t){.width = width, .height = height, .cosine = 1};
    canvas->pixel = rg_alloc((size_t)width * (size_t)height * sizeof *canvas->pixel);
}

void rg_paint_canvas_fini(rg_paint_canvas_t *canvas)
{
    free(canvas->pixel);
    *canvas = (rg_paint_canvas_t){0};
}

void rg_paint_canvas_place(rg_paint_canvas_t *canvas, float x, float y, float scale, float tilt)
{
    canvas->x = x;
    canvas->y = y;
    canvas->cosine = scale * cosf(tilt);
    canvas->sine = scale * sinf(tilt);
}

static uint8_t to_byte(float value)
{
    return value <= 0 ? 0 : value >= 1 ? 255 : (uint8_t)(value * 255 + 0.5f);
}

void rg_paint_canvas_image(const rg_paint_canvas_t *canvas, rg_image_t *image)
{
    rg_image_init(image, canvas->width, canvas->height);
    size_t n = (size_t)canvas->width * (size_t)canvas->height;
    for (size_t i = 0; i < n; i++) {
        image->rgb[3 * i] = to_byte(canvas->pixel[i].r);
        image->rgb[3 * i + 1] = to_byte(canvas->pixel[i].g);
        image->rgb[3 * i + 2] = to_byte(canvas->pixel[i].b);
    }
}

rg_paint_shape_t rg_paint_ellipse(float x, float y, float rx, float ry)
{
    return (rg_paint_shape_t){.kind = RG_PAINT_SHAPE_ELLIPSE,
                              .x = x,
                              .y = y,
                              .rx = rx,
                              .ry = ry,
                              .inverse_rx = 1 / rx,
                              .inverse_ry = 1 / ry};
}

// Catmull-Rom: the cubic through the middle two of four equally spaced values.
static float spline(float a, float b, float c, float d, float t)
{
    return b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

rg_paint_shape_t rg_paint_blob(float x, float y, const float radii[RG_PAINT_BLOB_POINTS])
{
    rg_paint_shape_t blob = {.kind = RG_PAINT_SHAPE_BLOB, .x = x, .y = y};
    int last = RG_PAINT_BLOB_POINTS - 1, per_point = RG_PAINT_BLOB_ANGLES / last;
    for (int i = 0; i <= RG_PAINT_BLOB_ANGLES; i++) {
        int k = i < RG_PAINT_BLOB_ANGLES ? i / per_point : last - 1;
        float before = radii[k ? k - 1 : 1],
              after = radii[k + 2 <= last ? k + 2 : last - 1]; // mirrored at the ends
        blob.radius[i] =
            spline(before, radii[k], radii[k + 1], after, (float)(i - k * per_point) / (float)per_point);
    }
    return blob;
}

rg_paint_shape_t rg_paint_stroke(rg_paint_curve_t c)
{
    rg_paint_shape_t stroke = {.kind = RG_PAINT_SHAPE_STROKE};
    for (int i = RG_PAINT_STROKE_POINTS - 1; i >= 0; i--) {
        float t = (float)i / (RG_PAINT_STROKE_POINTS - 1), p = (1 - t) * (1 - t), q = 2 * t * (1 - t),
              s = t * t;
        float x = p * c.ax + q * c.bx + s * c.cx, y = p * c.ay + q * c.by + s * c.cy;
        float r =
            t < 0.5f ? c.start + 2 * t * (c.middle - c.start) : c.middle + (2 * t - 1) * (c.end - c.middle);
        stroke.point[i].x = x;
        stroke.point[i].y = y;
        stroke.point[i].r = r;
        if (i == RG_PAINT_STROKE_POINTS - 1) continue;
        float dx = stroke.point[i + 1].x - x, dy = stroke.point[i + 1].y - y;
        stroke.point[i].dx = dx;
        stroke.point[i].dy = dy;
        stroke.point[i].dr = stroke.point[i + 1].r - r;
        stroke.point[i].inverse = 1 / (dx * dx + dy * dy + 1e-6f);
    }
    return stroke;
}

static float ellipse_distance(const rg_paint_shape_t *s, float x, float y)
{
    float u = (x - s->x) * s->inverse_rx, v = (y - s->y) * s->inverse_ry, k = sqrtf(u * u + v * v);
    float du = u * s->inverse_rx, dv = v * s->inverse_ry;
    return k < 1e-3f ? -fminf(s->rx, s->ry) : k * (k - 1) / sqrtf(du * du + dv * dv);
}

static float blob_distance(const rg_paint_shape_t *s, float x, float y)
{
    const float per_radian = RG_PAINT_BLOB_ANGLES / (float)M_PI;
    float u = x - s->x, v = y - s->y, place = atan2f(fabsf(u), v) * per_radian;
    int i = place < RG_PAINT_BLOB_ANGLES - 1 ? (int)place : RG_PAINT_BLOB_ANGLES - 1;
    float rise = s->radius[i + 1] - s->radius[i], edge = s->radius[i] + (place - (float)i) * rise;
    float slope = rise * per_radian / edge;
    return (sqrtf(u * u + v * v) - edge) / sqrtf(1 + slope * slope);
}

static float stroke_distance(const rg_paint_shape_t *s, float x, float y)
{
    float nearest = INFINITY;
    for (int i = 0; i + 1 < RG_PAINT_STROKE_POINTS; i++) {
        float dx = s->point[i].dx, dy = s->point[i].dy, u = x - s->point[i].x, v = y - s->point[i].y;
        float t = (u * dx + v * dy) * s->point[i].inverse;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        u -= t * dx;
        v -= t * dy;
        float distance = sqrtf(u * u + v * v) - s->point[i].r - t * s->point[i].dr;
        nearest = distance < nearest ? distance : nearest;
    }
    return nearest;
}

float rg_paint_shape_distance(const rg_paint_shape_t *shape, float x, float y)
{
    float d = shape->kind == RG_PAINT_SHAPE_ELLIPSE ? ellipse_distance(shape, x, y)
              : shape->kind == RG_PAINT_SHAPE_BLOB  ? blob_distance(shape, x, y)
                                                    : stroke_distance(shape, x, y);
    return shape->hollow > 0 ? fabsf(d) - shape->hollow / 2 : d;
}

static box_t box_with(box_t box, float x, float y, float r)
{
    return (box_t){fminf(box.x0, x - r), fminf(box.y0, y - r), fmaxf(box.x1, x + r), fmaxf(box.y1, y + r)};
}

static box_t shape_box(const rg_paint_shape_t *s)
{
    if (s->kind == RG_PAINT_SHAPE_ELLIPSE)
        return (box_t){s->x - s->rx, s->y - s->ry, s->x + s->rx, s->y + s->ry};
    box_t box = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    if (s->kind == RG_PAINT_SHAPE_STROKE)
        for (int i = 0; i < RG_PAINT_STROKE_POINTS; i++)
            box = box_with(box, s->point[i].x, s->point[i].y, s->point[i].r);
    else
        for (int i = 0; i <= RG_PAINT_BLOB_ANGLES; i++) {
            float angle = (float)i * ((float)M_PI / RG_PAINT_BLOB_ANGLES), r = s->radius[i];
            box = box_with(box, s->x, s->y + r * cosf(angle), r * sinf(angle));
        }
    return box;
}

// The pixels that a box in portrait coordinates can touch: x0, y0 inclusive, x1, y1 exclusive.
static box_t to_pixels(const rg_paint_canvas_t *canvas, box_t box, float margin)
{
    float mx = canvas->x + canvas->cosine * (box.x0 + box.x1) / 2 - canvas->sine * (box.y0 + box.y1) / 2;
    float my = canvas->y + canvas->sine * (box.x0 + box.x1) / 2 + canvas->cosine * (box.y0 + box.y1) / 2;
    float w = (box.x1 - box.x0) / 2 + margin, h = (box.y1 - box.y0) / 2 + margin;
    float rx = fabsf(canvas->cosine) * w + fabsf(canvas->sine) * h;
    float ry = fabsf(canvas->sine) * w + fabsf(canvas->cosine) * h;
    return (box_t){fmaxf(0, floorf(mx - rx)), fmaxf(0, floorf(my - ry)),
                   fminf((float)canvas->width, ceilf(mx + rx)), fminf((float)canvas->height, ceilf(my + ry))};
}

// The opacity of a point at this distance from the outline: 1 inside, 0 outside, and a smooth step in the
// edge zone, which is `width` wide and centred on the outline.
static float coverage(float distance, float width)
{
    if (2 * distance >= width) return 0;
    if (2 * distance <= -width) return 1;
    float t = 0.5f - distance / width;
    return t * t * (3 - 2 * t);
}

static void paint_point(rg_paint_colour_t *pixel, const rg_paint_shape_t *shape,
                        const rg_paint_brush_t *brush, float x, float y)
{
    float width = brush->soft > 1.5f ? brush->soft : 1.5f; // a smooth step 1.5 wide looks like one pixel
    float distance = rg_paint_shape_distance(shape, x, y);
    float alpha = coverage(distance, width) * brush->opacity;
    if (alpha <= 0) return;
    if (brush->inside) alpha *= coverage(rg_paint_shape_distance(brush->inside, x, y), 1.5f);
    if (brush->outside) alpha *= 1 - coverage(rg_paint_shape_distance(brush->outside, x, y), width);
    if (alpha <= 0) return;
    rg_paint_colour_t colour = brush->colour;
    if (brush->shade) colour = brush->shade(brush->self, x, y, -distance, colour);
    *pixel = rg_paint_mix(*pixel, colour, alpha);
}

void rg_paint(rg_paint_canvas_t *canvas, const rg_paint_shape_t *shape, const rg_paint_brush_t *brush)
{
    box_t box = to_pixels(canvas, shape_box(shape), 1 + brush->soft / 2 + shape->hollow / 2);
    float scale2 = canvas->cosine * canvas->cosine + canvas->sine * canvas->sine;
    float c = canvas->cosine / scale2, s = canvas->sine / scale2; // of the inverse transform
    for (int py = (int)box.y0; py < (int)box.y1; py++)
        for (int px = (int)box.x0; px < (int)box.x1; px++) {
            float u = (float)px + 0.5f - canvas->x, v = (float)py + 0.5f - canvas->y;
            paint_point(canvas->pixel + py * canvas->width + px, shape, brush, c * u + s * v, c * v - s * u);
        }
}

static float lattice(uint32_t seed, int i)
{
    uint32_t h = (uint32_t)i * 0x9E3779B9u ^ seed;
    h = (h ^ h >> 16) * 0x85EBCA6Bu;
    h = (h ^ h >> 13) * 0xC2B2AE35u;
    return (float)((h ^ h >> 16) >> 8) * 0x1p-23f - 1;
}

float rg_paint_noise(uint32_t seed, float x)
{
    float whole = floorf(x), t = x - whole, a = lattice(seed, (int)whole), b = lattice(seed, (int)whole + 1);
    return a + t * t * (3 - 2 * t) * (b - a);
}
