// Images that were found.

import { thumbnail } from './api.js';
import { h } from './dom.js';
import { ago, moment, number } from './format.js';
import { address, route } from './route.js';

const NEW_MS = 3600e3;

/** Searching from a stored image: the same question, another image. */
function searchFrom(id) {
  const [tab, params] = route();
  const question = tab === 'search' ? Object.fromEntries(params) : {};
  return address('search', { ...question, upload: '', image: id });
}

const picture = image => h('img', { src: thumbnail(image.id), alt: '', loading: 'lazy' });

/** A neighbour as a card; following it searches from there. */
export function card(image) {
  const fresh = !image.annotated && Date.now() - image.added_ms < NEW_MS; // what training brought along is not news
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

/** A neighbour as a small picture, where it guided a translation. */
export function guide(image) {
  const text = `${image.name}, distance ${number(image.dist_l2sq)}`;
  const link = h('a', { href: address('search', { image: image.id }), title: text, 'aria-label': text });
  link.append(picture(image));
  return link;
}
