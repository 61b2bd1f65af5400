// Neighbours: the images that a search found or that guided a translation.

import { thumbnail } from './api.js';
import { h } from './dom.js';
import { ago, moment, number } from './format.js';
import { address, route } from './route.js';

const NEW_MS = 3600e3;

/** The address of the same search with a stored image as its image. */
function searchFrom(id) {
  const [tab, params] = route();
  const current = tab === 'search' ? Object.fromEntries(params) : {};
  return address('search', { ...current, upload: '', image: id });
}

const picture = image => h('img', { src: thumbnail(image.id), alt: '', loading: 'lazy' });

/** A neighbour as a card. Its link searches with this image. */
export function card(image) {
  const fresh = !image.annotated && Date.now() - image.added_ms < NEW_MS; // annotated images came with the training data
  return h('li', { className: 'card' },
    h('a', { href: searchFrom(image.id), title: image.name },
      picture(image),
      fresh ? h('span', { className: 'new' }, 'new') : '',
      h('span', { className: 'name' }, h('bdi', {}, image.name)),
      h('span', { className: 'spread' },
        h('span', { title: 'squared distance of the embeddings' }, number(image.dist_l2sq)),
        h('span', {}, image.annotated ? 'annotated' : 'unannotated'))),
    h('span', { className: 'spread' },
      h('time', { title: moment(image.added_ms) }, ago(image.added_ms)),
      h('a', { className: 'more', href: address('translate', { image: image.id }) }, 'translate')));
}

/** A neighbour as a small picture beside the translation that it guided. */
export function guide(image) {
  const text = `${image.name}, distance ${number(image.dist_l2sq)}`;
  const link = h('a', { href: address('search', { image: image.id }), title: text, 'aria-label': text });
  link.append(picture(image));
  return link;
}
