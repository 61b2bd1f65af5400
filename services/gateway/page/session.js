// The token: asked for when the gateway wants one, or brought along once in the address as #token=...

import { at } from './dom.js';

let unlocking = null;

async function show(token) {
  const answer = await fetch('/api/v1/session', {
    method: 'POST', body: token, headers: { 'Content-Type': 'text/plain' },
  });
  return answer.ok;
}

/** Resolves once the gateway has accepted a token; all that wait share one form. */
export function unlock() {
  unlocking ??= new Promise(resolve => ask(resolve)).finally(() => { unlocking = null; });
  return unlocking;
}

function ask(done) {
  const dialog = at('session'), field = at('token'), error = at('session-error');
  const form = dialog.querySelector('form');
  const refuse = event => event.preventDefault(); // without a token there is nothing behind the form
  const submit = async event => {
    event.preventDefault();
    error.textContent = '';
    const right = await show(field.value.trim()).catch(() => null);
    if (right === null) error.textContent = 'The gateway does not answer. Try again in a moment.';
    else if (!right) error.textContent = 'That is not the token.';
    if (!right) return field.select();
    field.value = '';
    form.removeEventListener('submit', submit);
    dialog.removeEventListener('cancel', refuse);
    dialog.close();
    done();
  };
  form.addEventListener('submit', submit);
  dialog.addEventListener('cancel', refuse);
  dialog.showModal();
}

/** Takes the token out of the address, so that it stays neither there nor in the history. */
export async function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  history.replaceState(null, '', location.pathname);
  await show(token).catch(() => false);
}
