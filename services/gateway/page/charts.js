// Charts: one per family of numbers (/system says which numbers share a chart). A run has one colour in all charts; a number has one
// dash pattern within its chart.

import { h, keyed, setText } from './dom.js';
import { number, readable } from './format.js';

const DASHES = [[], [6, 4], [1.5, 3], [10, 3, 2, 3]];
const DRAWN_POINTS = 400;
const SMOOTHING = 0.9;
const FAINT = '40'; // the alpha of the original curve behind a smoothed one

export const COLOURS = 6;
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
export const colourName = i => `--run-${1 + i % COLOURS}`;

const charts = new WeakMap(); // card -> Chart

/**
 * Draws a chart for each family {title, keys} in `parent`. runs: [{name, colour, series}]; colour is the name of a CSS property,
 * series a map from a key to its points. log(family): a logarithmic axis, if all values are above 0. smooth(family): averaged curves.
 * dots: marks every point.
 */
export function drawCharts(parent, families, runs, { log = () => false, smooth = () => false, dots = false } = {}) {
  keyed(parent, families, ({ title }) => title, makeCard, (card, family) => {
    const curves = runs.flatMap(run => family.keys.map((key, i) => ({ run, key, dash: i, points: run.series.get(key) ?? [] })));
    drawKeys(card, family, curves);
    const drawn = curves.filter(({ points }) => points.length);
    if (window.Chart) drawChart(card, drawn, { log: log(family), smooth: smooth(family), dots });
  });
}

function makeCard({ title }) {
  const missing = window.Chart ? '' : 'The curves need Chart.js, which did not load.';
  return h('figure', { className: 'chart' }, h('h3', {}, title), h('ul', { className: 'keys' }),
    h('div', { className: 'plot' }, missing || h('canvas', { role: 'img' })));
}

/** The legend of a chart: dash patterns, names, and the latest values of the first run. */
function drawKeys(card, { title, keys }, curves) {
  const latest = keys.map((key, i) => ({ key, i, y: curves.find(curve => curve.key === key)?.points.at(-1)?.y }));
  keyed(card.querySelector('.keys'), latest, ({ key }) => key, makeKey, (item, { y }) =>
    setText(item.lastChild, y === undefined ? '–' : number(y)));
  const text = latest.filter(({ y }) => y !== undefined).map(({ key, y }) => `${readable(key)} ${number(y)}`).join(', ');
  card.querySelector('canvas')?.setAttribute('aria-label', `${title}: ${text}`);
}

const makeKey = ({ key, i }) => h('li', {}, h('i', { className: 'dash', 'data-dash': i }), readable(key), h('b'));

function drawChart(card, curves, { log, smooth, dots }) {
  const chart = charts.get(card) ?? makeChart(card);
  chart.data.datasets = curves.flatMap(curve => (smooth
    ? [dataset(curve, smoothed(curve.points)), dataset(curve, curve.points, { faint: true })]
    : [dataset(curve, curve.points, { dots })]));
  chart.options.scales = scales(log && decades(chart.data.datasets));
  chart.update('none');
}

function dataset({ run, key, dash, points: { length } }, points, { faint = false, dots = false } = {}) {
  const colour = style(run.colour);
  return {
    label: `${run.name}: ${readable(key)}`,
    data: thin(points),
    borderColor: faint ? colour + FAINT : colour,
    backgroundColor: colour,
    borderWidth: faint ? 1 : 1.5,
    borderDash: faint ? [] : DASHES[dash % DASHES.length],
    pointRadius: dots || length === 1 ? 2.5 : 0,
    pointHitRadius: faint ? 0 : 8,
  };
}

function makeChart(card) {
  const chart = new window.Chart(card.querySelector('canvas'), {
    type: 'line',
    data: { datasets: [] },
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      maintainAspectRatio: false,
      interaction: { mode: 'nearest', axis: 'x', intersect: false },
      plugins: {
        legend: { display: false },
        tooltip: { displayColors: false, callbacks: {
          title: ([item]) => (item ? `iteration ${item.parsed.x}` : ''),
          label: item => `${item.dataset.label} ${number(item.parsed.y)}`,
        } },
      },
    },
  });
  charts.set(card, chart);
  return chart;
}

/** {min, max} of a logarithmic axis; null if a value is not above 0. Without it Chart.js begins at a power of ten. */
function decades(datasets) {
  const values = datasets.flatMap(({ data }) => data.map(({ y }) => y));
  const min = Math.min(...values), max = Math.max(...values);
  return min > 0 ? { min: min / 1.1, max: max * 1.1 } : null;
}

const compact = new Intl.NumberFormat('en', { notation: 'compact' });

/** Which ticks of a logarithmic axis have labels: 1, 2 and 5 times a power of ten; on less than a decade all digits. */
function isRound(value, { min, max }) {
  const digit = value / 10 ** Math.floor(Math.log10(value) + 1e-9);
  return Math.abs(digit - Math.round(digit)) < 1e-6 && (max < 10 * min || [1, 2, 5].includes(Math.round(digit)));
}

function scales(log) {
  const label = value => (!log || isRound(value, log) ? number(value) : null);
  const ticks = { color: style('--quiet'), font: { size: 11 }, maxRotation: 0 };
  const grid = { color: style('--line'), borderColor: style('--line'), tickLength: 4 };
  return {
    x: { type: 'linear', min: 0, grid: { ...grid, drawOnChartArea: false }, bounds: 'data',
      ticks: { ...ticks, maxTicksLimit: 5, includeBounds: false, callback: value => compact.format(value) } },
    y: { type: log ? 'logarithmic' : 'linear', ...log, grid,
      afterFit: scale => { scale.width = 46; }, // the same left edge for all charts
      ticks: { ...ticks, maxTicksLimit: 5, callback: label } },
  };
}

/** At most DRAWN_POINTS points: the lowest and the highest of each stretch, so no peak is lost. */
function thin(points) {
  if (points.length <= DRAWN_POINTS) return points;
  const stretch = 2 * points.length / DRAWN_POINTS;
  const kept = [];
  for (let i = 0; i < DRAWN_POINTS / 2; i++) kept.push(...extremes(points, Math.floor(i * stretch), Math.floor((i + 1) * stretch)));
  return kept;
}

function extremes(points, begin, end) {
  let low = begin, high = begin;
  for (let i = begin + 1; i < end; i++) {
    if (points[i].y < points[low].y) low = i;
    if (points[i].y > points[high].y) high = i;
  }
  return low === high ? [points[low]] : [points[Math.min(low, high)], points[Math.max(low, high)]];
}

/** An exponential moving average without the bias towards zero at its beginning. */
function smoothed(points) {
  let sum = 0, weight = 0;
  return points.map(({ x, y }) => {
    sum = SMOOTHING * sum + (1 - SMOOTHING) * y;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return { x, y: sum / weight };
  });
}

/* Families: which numbers share a chart. */

const present = (families, names) =>
  families.map(family => ({ ...family, keys: family.keys.filter(key => names.has(key)) })).filter(({ keys }) => keys.length);

/** The families of the names in a journal of training. A name without a family is a loss with a chart of its own. Rates come last. */
export function trainingFamilies({ training }, names) {
  const known = new Set(training.flatMap(({ keys }) => keys));
  const others = [...names].filter(name => !known.has(name)).map(name => ({ title: readable(name), keys: [name], rate: false }));
  return [...present(training, names), ...others].sort((a, b) => a.rate - b.rate);
}

/** The families of the names in a journal of evaluations. Names without a family have no chart. */
export const evaluationFamilies = ({ evaluations }, names) => present(evaluations, names);
