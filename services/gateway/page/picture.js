// The image to start from: a stored one, known by its id, or one that is dropped, chosen or pasted and stays in the browser.
// In the address it is image=ID or upload=KEY; the uploads of this visit can be gone back to, a reload forgets them.

import { thumbnail } from './api.js';
import { acceptDrop, h } from './dom.js';

const KEPT_UPLOADS = 20;
const SIDE_PX = 1024; // what is too large is made this large here: the networks see far less
const uploads = new Map();
const names = new Map();

/** Names of stored images, as far as answers told them. */
export const noteNames = images => images.forEach(image => names.set(image.id, image.name));

/** {params, jpeg, url, name} of what the address names, or null. */
export function sourceOf(params) {
  const id = params.get('image'), upload = uploads.get(params.get('upload'));
  if (id) return { params: { image: id }, url: thumbnail(id), name: names.get(id) ?? `image ${id.slice(0, 8)}` };
  return upload ?? null;
}

/** What of it goes into an address. */
export const addressOf = source => source?.address ?? source?.params;

function keep(jpeg, name) {
  const key = Date.now().toString(36);
  uploads.set(key, { address: { upload: key }, params: {}, jpeg, url: URL.createObjectURL(jpeg), name });
  const [oldest] = uploads.keys();
  if (uploads.size > KEPT_UPLOADS) {
    URL.revokeObjectURL(uploads.get(oldest).url);
    uploads.delete(oldest);
  }
  return uploads.get(key);
}

/** The file as a JPEG within the limits. What the browser cannot read is left for the gateway to refuse, with its reason. */
async function fitting(file, limits) {
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return file;
  const side = Math.max(bitmap.width, bitmap.height);
  if (file.type === 'image/jpeg' && file.size <= limits.image_bytes && side <= limits.image_side) return file;
  const scale = Math.min(1, SIDE_PX / side);
  const canvas = h('canvas', { width: Math.round(scale * bitmap.width), height: Math.round(scale * bitmap.height) });
  canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise(resolve => canvas.toBlob(resolve, 'image/jpeg', 0.95));
}

/** Where an image is dropped, chosen or pasted; `choose(source)` is told. Returns how to show one. */
export function chooser(root, limits, choose) {
  const take = async file => file && choose(keep(await fitting(file, limits), file.name || 'pasted image'));
  const image = h('img', { alt: '', hidden: true });
  const name = h('strong', {}, 'Drop an image here');
  const input = h('input', { type: 'file', accept: 'image/*', className: 'unseen' });
  input.addEventListener('change', () => {
    take(input.files[0]);
    input.value = ''; // so that the same file can be chosen again
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

/** What is said where there is no image yet, or none to find. */
export function sayNothing(element, ...lines) {
  element.hidden = lines.length === 0;
  element.replaceChildren(...lines.map(line => h('p', {}, line)));
}
