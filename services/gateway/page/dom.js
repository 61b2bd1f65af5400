// Making and changing what is on the page. Texts go in as text nodes, whatever they hold.

export const at = id => document.getElementById(id);

/** An element: h('a', {class: 'card', href}, child, 'text', ...). Functions are listeners: {click}. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (name in element) element[name] = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Only what differs is touched, so that polling neither undoes a selection nor is read aloud again. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** Makes the children of `parent` those of `items`, in order; a child stays while an item has its key. */
export function keyed(parent, items, key, make, update = () => {}) {
  const old = new Map([...parent.children].map(child => [child.dataset.key, child]));
  [...items].forEach((item, i) => {
    const name = String(key(item));
    const child = old.get(name) ?? make(item);
    old.delete(name);
    child.dataset.key = name;
    update(child, item);
    if (parent.children[i] !== child) parent.insertBefore(child, parent.children[i] ?? null);
  });
  for (const child of old.values()) child.remove();
}

/** Files or pictures dropped on an element: take(DataTransfer). */
export function acceptDrop(element, take) {
  const over = on => event => {
    event.preventDefault();
    element.classList.toggle('over', on);
  };
  element.addEventListener('dragover', over(true));
  element.addEventListener('dragleave', over(false));
  element.addEventListener('drop', event => {
    over(false)(event);
    take(event.dataTransfer);
  });
}

/** What a group of radio buttons stands at. */
export const chosen = (form, name) => form.elements[name].value;
