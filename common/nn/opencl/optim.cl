// Optimiser updates of a block: one item per parameter. The gradient is zeroed, the average moves.
void average(__global float *ema, size_t i, float value, float decay)
{
    if (ema) ema[i] = decay * ema[i] + (1 - decay) * value;
}

__kernel void adam(WRITE(w), WRITE(g), WRITE(m), WRITE(v), WRITE(ema), float gscale, float lr, float shrink,
                   float decay, float beta1, float beta2, float correct1, float correct2, float ema_decay, SIZE n)
{
    SET(w);
    SET(g);
    SET(m);
    SET(v);
    SET(ema);
    size_t i = get_global_id(0);
    if (i >= n) return;
    float gradient = g[i] * gscale + decay * w[i];
    m[i] = beta1 * m[i] + (1 - beta1) * gradient;
    v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    w[i] = w[i] - shrink * w[i] - lr * (m[i] * correct1) / (sqrt(v[i] * correct2) + 1e-8f);
    g[i] = 0;
    average(ema, i, w[i], ema_decay);
}

__kernel void sgd(WRITE(w), WRITE(g), WRITE(m), WRITE(ema), float gscale, float lr, float decay, float momentum,
                  float ema_decay, SIZE n)
{
    SET(w);
    SET(g);
    SET(m);
    SET(ema);
    size_t i = get_global_id(0);
    if (i >= n) return;
    m[i] = momentum * m[i] + g[i] * gscale + decay * w[i];
    w[i] -= lr * m[i];
    g[i] = 0;
    average(ema, i, w[i], ema_decay);
}
