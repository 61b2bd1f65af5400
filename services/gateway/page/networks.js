// The menu with the trained networks as ONNX files. It is filled each time it is opened.

import { get, url } from './api.js';
import { at, h } from './dom.js';
import { integer, sentence, stageTitle } from './format.js';

export function init() {
  const menu = at('networks');
  menu.addEventListener('toggle', () => { if (menu.open) fill(menu.querySelector('ul')); });
  menu.addEventListener('keydown', ({ key }) => { if (key === 'Escape') menu.open = false; });
  document.addEventListener('click', ({ target }) => { if (!menu.contains(target)) menu.open = false; });
}

async function fill(list) {
  const say = text => list.replaceChildren(h('li', { className: 'quiet' }, text));
  if (!list.children.length) say('…');
  try {
    const { stage, iteration, files } = await get('/networks');
    if (!files.length) return say('No stage is trained yet.');
    say(sentence(`${stageTitle(stage)}, iteration ${integer(iteration)}, for ONNX runtimes`));
    list.append(...files.map(name => h('li', {}, h('a', { href: url(`/networks/${name}`), download: name }, name))));
  } catch (error) {
    say(error.message);
  }
}
