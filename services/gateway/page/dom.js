// Elements of the page: create them and change them. Text becomes text nodes, never markup.

export const at = id => document.getElementById(id);

/** Creates an element: h('a', {className: 'card', href}, child, 'text', ...). Functions become event listeners: {click}. */
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

/** Sets the text only if it differs, so polling does not undo a selection or repeat text in a screen reader. */
export function setText(element, text) {
  if (element.textContent !== String(text)) element.textContent = text;
}

/** Makes one child of `parent` per item, in order. Children whose key is still there are kept and updated. */
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

/** Calls take(DataTransfer) for files that are dropped on the element. */
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

/** The value of a form's control, or of its group of radio buttons. */
export const chosen = (form, name) => form.elements[name].value;
