'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const CHUNK = 48; // cards made at once; more come as one scrolls
const find = (id) => document.getElementById(id);
const [cards, large] = [find('cards'), find('large')];
const places = new Map(data.pairs.map((pair, index) => [pair, index]));
let shown = []; // pairs in the order of the page

function element(name, fields = {}, children = []) {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
}

const value = (pair, run, name) => (pair.runs[run] ? pair.runs[run][name] : null) ?? null;
const change = (pair, run, name) =>
  value(pair, run, name) === null || value(pair, 0, name) === null ? null : value(pair, run, name) - value(pair, 0, name);
const percent = (number) => `${(100 * number).toFixed(0)}`;

function orders() {
  const made = [];
  const has = (name) => data.pairs.some((pair) => pair.runs.some((run) => run && run[name] !== null && run[name] !== undefined));
  const add = (title, key, sign) => made.push({ title, key, sign });
  const others = data.runs.map((name, run) => [name, run]).slice(1).reverse(); // the last run first
  for (const [name, run] of others) {
    const over = `of ${name} over ${data.runs[0]}`;
    if (has('iou')) {
      add(`gain in IoU ${over}, worst first`, (pair) => change(pair, run, 'iou'), 1);
      add(`gain in IoU ${over}, best first`, (pair) => change(pair, run, 'iou'), -1);
    }
    add(`change in coverage ${over}, largest rise first`, (pair) => change(pair, run, 'coverage'), -1);
    add(`change in coverage ${over}, largest fall first`, (pair) => change(pair, run, 'coverage'), 1);
  }
  data.runs.forEach((name, run) => {
    if (has('iou')) add(`IoU of ${name}, lowest first`, (pair) => value(pair, run, 'iou'), 1);
    add(`score of ${name}, lowest first`, (pair) => value(pair, run, 'score'), 1);
  });
  add('as evaluated', (pair) => places.get(pair), 1);
  return made;
}

function figuresOf(run) {
  if (!run) return 'not evaluated';
  const parts = [];
  if (run.iou !== null && run.iou !== undefined) parts.push(`IoU ${percent(run.iou)}`);
  if (run.score !== null) parts.push(`score ${run.score.toFixed(2)}`);
  parts.push(`coverage ${percent(run.coverage)} %`);
  return parts.join(', ');
}

function view(pair, overlay, alt, caption) {
  const photo = element('img', { src: data.photos[pair.photo], alt: overlay ? '' : alt, decoding: 'async' });
  const images = [photo];
  if (overlay) images.push(element('img', { src: overlay, alt, className: 'heat', decoding: 'async' }));
  return element('figure', {}, [
    element('div', { className: 'view' }, images),
    element('figcaption', { textContent: caption }),
  ]);
}

function views(pair) {
  const made = [view(pair, null, `photo ${pair.photo}`, 'photo')];
  pair.runs.forEach((run, index) => {
    const [name, figures] = [data.runs[index], figuresOf(run)];
    if (run) made.push(view(pair, run.map, `map of ${pair.class} by ${name}: ${figures}`, `${name}: ${figures}`));
  });
  if (pair.truth) made.push(view(pair, pair.truth, `mask of ${pair.class}`, 'truth'));
  return element('div', { className: 'views' }, made);
}

function heading(pair) {
  const last = pair.runs.length - 1;
  const gain = last ? change(pair, last, 'iou') : null;
  const gained = gain === null ? '' : `, ${gain < 0 ? '-' : '+'}${percent(Math.abs(gain))} IoU`;
  return `${pair.class}, ${pair.photo.split(/[\\/]/).slice(-1)[0]}${gained}`; // the file without its folders
}

function card(pair, index) {
  const made = element('li', { className: 'card', tabIndex: index ? -1 : 0 }, [
    element('h3', { textContent: heading(pair) }),
    views(pair),
  ]);
  made.dataset.index = index;
  return made;
}

function more() {
  const start = cards.children.length;
  cards.append(...shown.slice(start, start + CHUNK).map((pair, index) => card(pair, start + index)));
}

function renew() {
  const [cls, order] = [find('class').value, choices[find('order').value]];
  const keys = new Map();
  for (const pair of data.pairs) if (!cls || pair.class === cls) keys.set(pair, order.key(pair));
  const rank = (key) => (key === null ? Infinity : order.sign * key); // what has no figure comes last
  shown = [...keys.keys()].sort((a, b) => {
    const [x, y] = [rank(keys.get(a)), rank(keys.get(b))];
    return x === y ? 0 : x - y;
  });
  cards.replaceChildren();
  more();
  const photos = new Set(shown.map((pair) => pair.photo)).size;
  find('status').textContent = `${shown.length} maps of ${photos} photos: ${cls || 'all classes'}, ${order.title}`;
}

function enlarge(index) {
  const pair = shown[index];
  large.dataset.index = index;
  large.lastElementChild.replaceChildren(element('h3', { textContent: heading(pair), title: pair.photo }), views(pair));
  if (!large.open) large.showModal();
}

function step(event, index) {
  const moves = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -index, End: shown.length - 1 - index };
  if (!(event.key in moves)) return null;
  event.preventDefault();
  return Math.min(Math.max(index + moves[event.key], 0), shown.length - 1);
}

function focusOn(index) {
  while (cards.children.length <= index) more();
  for (const other of cards.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
  cards.children[index].tabIndex = 0;
  cards.children[index].focus();
}

cards.addEventListener('keydown', (event) => {
  const index = Number(event.target.closest('.card').dataset.index);
  const next = step(event, index);
  if (next !== null) focusOn(next);
  else if (event.key === 'Enter') enlarge(index);
});
cards.addEventListener('click', (event) => {
  const hit = event.target.closest('.card');
  if (hit) enlarge(Number(hit.dataset.index));
});
large.addEventListener('keydown', (event) => {
  const next = step(event, Number(large.dataset.index));
  if (next !== null) enlarge(next);
});
large.addEventListener('close', () => focusOn(Number(large.dataset.index)));

const choices = orders();
find('class').append(element('option', { value: '', textContent: 'all' }));
for (const name of data.classes) find('class').append(element('option', { value: name, textContent: name }));
choices.forEach((order, index) => find('order').append(element('option', { value: index, textContent: order.title })));
find('class').addEventListener('change', renew);
find('order').addEventListener('change', renew);
find('controls').addEventListener('submit', (event) => event.preventDefault());
find('opacity').addEventListener('input', (event) =>
  document.documentElement.style.setProperty('--opacity', event.target.value),
);
new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), {
  rootMargin: '800px',
}).observe(find('end'));
renew();
