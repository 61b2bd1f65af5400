// The address of the page is #TAB?PARAMETERS, so the browser's history works. No element has the name of a tab as its id: the browser
// would move the focus to it.

/** [tab, parameters] */
export function route() {
  const [tab, rest] = location.hash.slice(1).split(/\?(.*)/s);
  return [tab, new URLSearchParams(rest)];
}

export const address = (tab, params) => `#${tab}${query(params)}`;

/** "?NAME=VALUE&..." of the parameters that have a value; "" if none has. */
export function query(params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

/** Goes to an address. `replace`: without a new entry in the history, for small changes such as a switch. */
export function go(tab, params, { replace = false } = {}) {
  const there = address(tab, params);
  if (replace) location.replace(there);
  else location.hash = there;
}
