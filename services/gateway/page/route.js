// The address says what is looked at: #TAB?PARAMETERS. So the browser's history is ours. No element has the id of a tab's name:
// going to one that exists would move the focus.

/** [tab, parameters] */
export function route() {
  const [tab, rest] = location.hash.slice(1).split(/\?(.*)/s);
  return [tab, new URLSearchParams(rest)];
}

export const address = (tab, params) => `#${tab}${query(params)}`;

/** "?NAME=VALUE&..." of the parameters that have a value, or nothing. */
export function query(params = {}) {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

/** Goes there; `replace` for what the back button should not step through, such as a switch that was turned. */
export function go(tab, params, { replace = false } = {}) {
  const there = address(tab, params);
  if (replace) location.replace(there);
  else location.hash = there;
}
