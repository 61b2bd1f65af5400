// Norms, and sums over pixels. A sum over the pixels of a map is made in two steps: one item per channel, band of
// pixels and image sums its band (channel_sums), then the bands are added in order.

// part [2,n,bands,c]. mean absent: sums of x, or of dy * x; otherwise of (x - mean)^2, or of dy * (x - mean).
// With dy, the first half of part gets the sums of dy and the second half those of the products. `step`: 1 if
// mean is [n,c], 0 if it is [n].
__kernel void channel_sums(WRITE(part), READ(x), READ(dy), READ(mean), int step, int n, int bands, int hw, int c)
{
    SET(part);
    GET(x);
    GET(dy);
    GET(mean);
    int k = get_global_id(0), band = get_global_id(1), image = get_global_id(2);
    if (k >= c) return;
    int first = (long)hw * band / bands, end = (long)hw * (band + 1) / bands;
    float sum = 0, sum_dy = 0, centre = mean ? mean[step ? image * c + k : image] : 0;
    for (int p = first; p < end; p++) {
        size_t i = ((size_t)image * hw + p) * c + k;
        float d = x[i] - centre;
        sum += dy ? dy[i] * d : mean ? d * d : d;
        if (dy) sum_dy += dy[i];
    }
    size_t at = ((size_t)image * bands + band) * c + k, half_size = (size_t)n * bands * c;
    part[at] = dy ? sum_dy : sum;
    if (dy) part[half_size + at] = sum;
}

// The sum over the bands of image and channel i = image * c + k.
float band_sum(__global const float *part, int i, int bands, int c)
{
    float sum = 0;
    for (int band = 0; band < bands; band++) sum += part[((size_t)(i / c) * bands + band) * c + i % c];
    return sum;
}

// y [n*c] (+)= factor * sum
__kernel void add_bands(WRITE(y), int add, READ(part), float factor, int bands, int n, int c)
{
    SET(y);
    GET(part);
    int i = get_global_id(0);
    if (i < n * c) put(y + i, add, factor * band_sum(part, i, bands, c));
}

// dx (+)= dy / hw
__kernel void mean_backward(WRITE(dx), int add, READ(dy), int hw, int c, SIZE n)
{
    SET(dx);
    GET(dy);
    size_t i = get_global_id(0);
    if (i < n) put(dx + i, add, dy[i / ((size_t)hw * c) * c + i % c] / hw);
}

// ---- instance norm: i = image * c + channel

__kernel void instance_deviation(WRITE(rstd), READ(part), int bands, int hw, int n, int c)
{
    SET(rstd);
    GET(part);
    int i = get_global_id(0);
    if (i < n * c) rstd[i] = 1 / sqrt(band_sum(part, i, bands, c) / hw + 1e-5f);
}

__kernel void instance_forward(WRITE(y), READ(x), READ(mean), READ(rstd), READ(scale), READ(shift), int stride,
                               READ(residual), int act, int hw, int c, SIZE n)
{
    SET(y);
    GET(x);
    GET(mean);
    GET(rstd);
    GET(scale);
    GET(shift);
    GET(residual);
    size_t at = get_global_id(0), image = at / ((size_t)hw * c), k = at % c, i = image * c + k;
    if (at >= n) return;
    float a = rstd[i] * (scale ? scale[image * stride + k] : 1);
    float b = (shift ? shift[image * stride + k] : 0) - a * mean[i];
    float value = activate(a * x[at] + b, act);
    y[at] = residual ? value + residual[at] : value;
}

// With xh = (x - mean) * rstd:  dx = scale * rstd * (dy - mean(dy) - xh * mean(dy * xh)), as
// factors [3,n,c]: dx = a*dy + b*x + d
__kernel void instance_factors(WRITE(factors), WRITE(dscale), WRITE(dshift), READ(part), READ(mean), READ(rstd),
                               READ(scale), int stride, int bands, int hw, int n, int c)
{
    SET(factors);
    SET(dscale);
    SET(dshift);
    GET(part);
    GET(mean);
    GET(rstd);
    GET(scale);
    int i = get_global_id(0);
    if (i >= n * c) return;
    size_t row = (size_t)(i / c) * stride + i % c;
    float sum_dy = band_sum(part, i, bands, c);
    float sum_dyxh = rstd[i] * band_sum(part + (size_t)n * bands * c, i, bands, c);
    float a = rstd[i] * (scale ? scale[row] : 1), b = -a * rstd[i] * sum_dyxh / hw;
    if (dscale) dscale[row] += sum_dyxh;
    if (dshift) dshift[row] += sum_dy;
    factors[i] = a;
    factors[n * c + i] = b;
    factors[2 * n * c + i] = -a * sum_dy / hw - b * mean[i];
}

__kernel void apply_factors(WRITE(dx), int add, READ(dy), READ(x), READ(factors), int images, int hw, int c,
                            SIZE n)
{
    SET(dx);
    GET(dy);
    GET(x);
    GET(factors);
    size_t at = get_global_id(0), i = at / ((size_t)hw * c) * c + at % c, all = (size_t)images * c;
    if (at < n) put(dx + at, add, factors[i] * dy[at] + factors[all + i] * x[at] + factors[2 * all + i]);
}

// ---- layer norm: one work-group per image

// mean [n] of the parts, or the standard deviation (size - 1) if `deviation`.
__kernel void layer_moment(WRITE(y), READ(part), int deviation, int bands, int hw, int c)
{
    SET(y);
    GET(part);
    __local float sums[GROUP];
    size_t image = get_group_id(0), count = (size_t)bands * c;
    float sum = 0;
    for (size_t i = get_local_id(0); i < count; i += GROUP) sum += part[image * count + i];
    sum = group_sum(sums, sum);
    if (get_local_id(0) == 0)
        y[image] = deviation ? sqrt(sum / ((float)hw * c - 1)) : sum / ((float)hw * c);
}

__kernel void layer_forward(WRITE(y), READ(x), READ(mean), READ(std), READ(gain), READ(bias), int act, int hw,
                            int c, SIZE n)
{
    SET(y);
    GET(x);
    GET(mean);
    GET(std);
    GET(gain);
    GET(bias);
    size_t at = get_global_id(0), image = at / ((size_t)hw * c), k = at % c;
    if (at >= n) return;
    float a = gain[k] / (std[image] + 1e-5f);
    y[at] = activate(a * x[at] + (bias[k] - a * mean[image]), act);
}

// With r = 1 / (std + eps), g = gain * dy, m = h*w*c:
//   dx = r * (g - mean(g) - (x - mean) * sum(g * (x - mean)) * r / ((m - 1) * std))
// shares [n,2,c] receives the image's share of dgain and dbias.
__kernel void layer_factors(WRITE(factors), WRITE(shares), READ(part), READ(mean), READ(std), READ(gain),
                            int bands, int hw, int n, int c)
{
    SET(factors);
    SET(shares);
    GET(part);
    GET(mean);
    GET(std);
    GET(gain);
    __local float sums[GROUP];
    int image = get_group_id(0);
    float r = 1 / (std[image] + 1e-5f), sum_g = 0, sum_gx = 0, m = (float)hw * c;
    shares += (size_t)image * 2 * c;
    for (int k = get_local_id(0); k < c; k += GROUP) {
        float a = band_sum(part, image * c + k, bands, c);
        float b = band_sum(part + (size_t)n * bands * c, image * c + k, bands, c);
        sum_g += gain[k] * a;
        sum_gx += gain[k] * b;
        shares[k] = b * r;
        shares[c + k] = a;
    }
    sum_g = group_sum(sums, sum_g);
    sum_gx = group_sum(sums, sum_gx);
    float slope = std[image] > 0 ? -r * r * sum_gx / ((m - 1) * std[image]) : 0;
    for (int k = get_local_id(0); k < c; k += GROUP) {
        int i = image * c + k;
        factors[i] = r * gain[k];
        factors[n * c + i] = slope;
        factors[2 * n * c + i] = -r * sum_g / m - slope * mean[image];
    }
}

// One item per channel.
__kernel void layer_add_shares(WRITE(dgain), WRITE(dbias), READ(shares), int n, int c)
{
    SET(dgain);
    SET(dbias);
    GET(shares);
    int k = get_global_id(0);
    if (k >= c) return;
    for (int i = 0; i < n; i++, shares += 2 * c) {
        dgain[k] += shares[k];
        dbias[k] += shares[c + k];
    }
}

// ---- rows of unit length: one work-group per row

__kernel void unit_forward(WRITE(y), WRITE(length_of), READ(x), int c)
{
    SET(y);
    SET(length_of);
    GET(x);
    __local float sums[GROUP];
    size_t row = get_group_id(0);
    float sum = 0;
    x += row * c;
    for (int k = get_local_id(0); k < c; k += GROUP) sum += x[k] * x[k];
    float size = max(sqrt(group_sum(sums, sum)), 1e-12f);
    for (int k = get_local_id(0); k < c; k += GROUP) y[row * c + k] = x[k] / size;
    if (get_local_id(0) == 0) length_of[row] = size;
}

// dx = (dy - y (y . dy)) / |x|
__kernel void unit_backward(WRITE(dx), int add, READ(dy), READ(y), READ(length_of), int c)
{
    SET(dx);
    GET(dy);
    GET(y);
    GET(length_of);
    __local float sums[GROUP];
    size_t row = get_group_id(0), first = row * c;
    float along = 0;
    for (int k = get_local_id(0); k < c; k += GROUP) along += y[first + k] * dy[first + k];
    along = group_sum(sums, along);
    for (int k = get_local_id(0); k < c; k += GROUP)
        put(dx + first + k, add, (dy[first + k] - y[first + k] * along) / length_of[row]);
}
