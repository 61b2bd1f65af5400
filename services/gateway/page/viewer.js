// A picture as large as one likes. Arrows go through time, plus and minus change the size.

import { at, setText } from './dom.js';

const LARGEST = 8;

/** look() is what to show, {url, name}, asked again after step(-1) or step(+1). */
export function view(look, step) {
  const dialog = at('viewer'), image = dialog.querySelector('img');
  let scale = 0; // of the picture's own pixels; 0: as large as fits

  const draw = () => {
    const { url, name } = look();
    setText(at('viewer-name'), name);
    image.alt = name;
    image.src = url;
  };
  const size = () => { image.style.width = `${scale * image.naturalWidth}px`; };
  const fit = () => {
    const { clientWidth, clientHeight } = image.parentElement;
    scale ||= Math.max(0.25, Math.min(LARGEST, (clientWidth - 28) / image.naturalWidth, (clientHeight - 28) / image.naturalHeight));
    size();
  };
  const zoom = factor => {
    if (scale === 0) return; // there is nothing to see yet
    scale = Math.min(LARGEST, Math.max(0.25, factor * scale));
    size();
  };
  const move = by => {
    step(by);
    draw();
  };
  const actions = {
    earlier: () => move(-1), later: () => move(1),
    larger: () => zoom(1.5), smaller: () => zoom(1 / 1.5),
    close: () => dialog.close(),
  };
  const keys = { ArrowLeft: 'earlier', ArrowRight: 'later', '+': 'larger', '=': 'larger', '-': 'smaller' };

  image.onload = fit;
  dialog.onclick = ({ target }) => actions[target.dataset.do]?.();
  dialog.onkeydown = event => {
    if (!keys[event.key]) return;
    event.preventDefault();
    actions[keys[event.key]]();
  };
  draw();
  dialog.showModal();
}
