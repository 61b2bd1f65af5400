// Formats numbers, times and names for people.

const plain = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const moments = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'narrow' });

export const integer = value => plain.format(value);
export const number = value => (Math.abs(value) < 1e-3 && value !== 0 ? value.toExponential(1) : fine.format(value));
export const percent = share => `${(100 * share).toFixed(1)} %`;
export const plural = (n, one, many = `${one}s`) => `${integer(n)} ${n === 1 ? one : many}`;
export const moment = time_ms => moments.format(time_ms);

/** Blond_Hair becomes "Blond Hair". */
export const readable = name => name.replaceAll('_', ' ');

/** stage1 becomes "stage 1". */
export const stageTitle = name => name.replace(/^stage/, 'stage ');

/** Adds the capital letter and the full stop that an error sentence lacks. */
export const sentence = text => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');

const UNITS = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];

/** 3725 becomes "1 h 2 min": the two largest units. */
export function duration(seconds) {
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0 s';
  let rest = Math.round(seconds);
  const parts = UNITS.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count ? `${count} ${unit}` : '';
  });
  return parts.filter(Boolean).join(' ');
}

const SPANS = [['year', 31557600], ['month', 2629800], ['day', 86400], ['hour', 3600], ['minute', 60], ['second', 1]];

/** "2 hr. ago" */
export function ago(time_ms) {
  const seconds = Math.max(0, (Date.now() - time_ms) / 1000);
  const [unit, size] = SPANS.find(([, size]) => seconds >= size) ?? ['second', 1];
  return relative.format(-Math.floor(seconds / size), unit);
}

export function bytes(count) {
  const power = Math.min(Math.floor(Math.log10(Math.max(count, 1)) / 3), 3);
  return `${(count / 1000 ** power).toLocaleString('en', { maximumFractionDigits: power && 1 })} ${['B', 'kB', 'MB', 'GB'][power]}`;
}
