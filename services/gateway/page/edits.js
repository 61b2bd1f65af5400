// Wanted attributes: a switch for each - as it is, yes, no. Of exclusive attributes an image has at most one: setting one
// clears the others, which their switches show.

import { h } from './dom.js';
import { readable } from './format.js';

const VALUES = [['', 'as is'], ['1', 'yes'], ['0', 'no']];

/** "Blond_Hair=1,Young=0" as a map, and back. */
const parse = text => new Map((text ?? '').split(',').filter(Boolean).map(part => part.split('=')));
const format = wanted => [...wanted].map(([name, value]) => `${name}=${value}`).join(',');

/** Switches in `root`; `change(text)` is told. Returns how to show another text. */
export function edits(root, { attributes, exclusive }, change) {
  let wanted = new Map();
  root.append(...attributes.map(name => toggle(name, value => turn(name, value))));

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

function toggle(name, turn) {
  const choices = VALUES.map(([value, label]) => {
    const input = h('input', { type: 'radio', name: `edit-${name}`, value, change: () => turn(value) });
    input.dataset.attribute = name;
    return h('label', {}, input, h('span', {}, label));
  });
  return h('fieldset', { className: 'edit' }, h('legend', {}, readable(name)), h('div', { className: 'segments' }, ...choices));
}

/** One translation per domain: exclusive attributes set, the others set and cleared, since nobody knows what the image shows. */
export function domains({ attributes, exclusive }) {
  return attributes.flatMap(name => {
    const set = { label: readable(name), attributes: `${name}=1` };
    return exclusive.includes(name) ? [set] : [set, { label: `not ${readable(name)}`, attributes: `${name}=0` }];
  });
}
