// The controls that Search and Translate share: the image chooser and the attribute switches.
//
// The address names the image: image=ID is a stored one, upload=KEY one from this browser. Uploads are kept until the page is reloaded.

import { thumbnail } from './api.js';
import { acceptDrop, h } from './dom.js';
import { readable } from './format.js';

/* The image. */

const KEPT_UPLOADS = 20;
const FORMATS = ['image/jpeg', 'image/png', 'image/webp']; // that the gateway reads
const SIDE_PX = 1024; // larger images are scaled to this in the browser; the networks' images are much smaller
const uploads = new Map();
const names = new Map();

/** Remembers the names of stored images that answers contain. */
export const noteNames = images => images.forEach(image => names.set(image.id, image.name));

/** The image that the address names, as {params, file, url, name}; or null. */
export function sourceOf(params) {
  const id = params.get('image'), upload = uploads.get(params.get('upload'));
  if (id) return { params: { image: id }, url: thumbnail(id), name: names.get(id) ?? `image ${id.slice(0, 8)}` };
  return upload ?? null;
}

/** The parameters of an address that names this image. */
export const addressOf = source => source?.address ?? source?.params;

function keep(file, name) {
  const key = Date.now().toString(36);
  uploads.set(key, { address: { upload: key }, params: {}, file, url: URL.createObjectURL(file), name });
  const [oldest] = uploads.keys();
  if (uploads.size > KEPT_UPLOADS) {
    URL.revokeObjectURL(uploads.get(oldest).url);
    uploads.delete(oldest);
  }
  return uploads.get(key);
}

/** The file in a format that the gateway reads, within the limits: a GIF or a huge PNG becomes a JPEG. A file that the
browser cannot read is sent as it is: the gateway says what is wrong. */
async function acceptable(file, limits) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return file;
  const side = Math.max(bitmap.width, bitmap.height);
  if (FORMATS.includes(file.type) && file.size <= limits.image_bytes && side <= limits.image_side) return file;
  const scale = Math.min(1, SIDE_PX / side);
  const canvas = h('canvas', { width: Math.round(scale * bitmap.width), height: Math.round(scale * bitmap.height) });
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.95));
}

/** Makes `root` a place to drop, choose or paste an image; calls `choose(source)`. Returns a function that shows an image. */
export function chooser(root, limits, choose) {
  const take = async file => file && choose(keep(await acceptable(file, limits), file.name || 'pasted image'));
  const image = h('img', { alt: '', hidden: true });
  const name = h('strong', {}, 'Drop an image here');
  const input = h('input', { type: 'file', accept: 'image/*', className: 'unseen' });
  input.addEventListener('change', () => {
    take(input.files[0]);
    input.value = ''; // the same file can be chosen again
  });
  root.classList.add('drop');
  const or = h('span', { className: 'quiet' }, 'or choose or paste one');
  root.append(h('label', { className: 'chooser' }, image, name, or, input));
  acceptDrop(root, data => take(data.files[0]));
  document.addEventListener('paste', event => {
    const file = [...event.clipboardData.files].find(({ type }) => type.startsWith('image/'));
    if (file && root.checkVisibility()) take(file);
  });
  return source => {
    image.hidden = !source;
    if (source) image.src = source.url;
    name.textContent = source ? source.name : 'Drop an image here';
  };
}

/** Shows lines of text in the place of missing results; without lines, hides them. */
export function showHint(element, ...lines) {
  element.hidden = lines.length === 0;
  element.replaceChildren(...lines.map(line => h('p', {}, line)));
}

/* Wanted attributes: a switch for each, with the positions "as is", "yes" and "no". An image has at most one of the exclusive
attributes: setting one clears the others, and their switches show it. */

const VALUES = [['', 'as is'], ['1', 'yes'], ['0', 'no']];

/** "Blond_Hair=1,Young=0" to a map, and back. */
const parse = text => new Map((text ?? '').split(',').filter(Boolean).map(part => part.split('=')));
const format = wanted => [...wanted].map(([name, value]) => `${name}=${value}`).join(',');

/** Adds the switches to `root`; calls `change(text)` with the wanted attributes. Returns a function that shows another text. */
export function edits(root, { attributes, exclusive }, change) {
  let wanted = new Map();
  root.append(...attributes.map(name => editSwitch(name, value => turn(name, value))));

  function turn(name, value) {
    const rivals = exclusive.includes(name) && value === '1' ? exclusive : [];
    wanted = new Map(attributes.flatMap(other => {
      const now = other === name ? value : wanted.get(other);
      return !now || (other !== name && now === '1' && rivals.includes(other)) ? [] : [[other, now]];
    }));
    change(format(wanted));
  }

  return text => {
    wanted = parse(text);
    const only = exclusive.find(name => wanted.get(name) === '1');
    for (const input of root.querySelectorAll('input')) {
      const name = input.dataset.attribute;
      input.checked = input.value === (wanted.get(name) ?? '');
      const implied = only && name !== only && exclusive.includes(name) && input.value === '0';
      input.toggleAttribute('data-implied', Boolean(implied));
    }
  };
}

function editSwitch(name, turn) {
  const choices = VALUES.map(([value, label]) => {
    const input = h('input', { type: 'radio', name: `edit-${name}`, value, change: () => turn(value) });
    input.dataset.attribute = name;
    return h('label', {}, input, h('span', {}, label));
  });
  return h('fieldset', { className: 'edit' }, h('legend', {}, readable(name)), h('div', { className: 'segments' }, ...choices));
}

/** The domains to translate to: each exclusive attribute set; every other attribute set, and cleared. */
export function domains({ attributes, exclusive }) {
  return attributes.flatMap(name => {
    const set = { label: readable(name), attributes: `${name}=1` };
    return exclusive.includes(name) ? [set] : [set, { label: `not ${readable(name)}`, attributes: `${name}=0` }];
  });
}
