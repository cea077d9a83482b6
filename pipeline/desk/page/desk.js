// The desk: one site at a time, keys and buttons, and what is said about saving.

import {Drawing} from './drawing.js';
import {AreaMap} from './map.js';
import {Chart, showFacts} from './numbers.js';
import {Pictures} from './pictures.js';
import {details, overview, Refused, Writer} from './server.js';
import {dayWords, number, readTexts, text} from './texts.js';

const byId = (id) => document.getElementById(id);
const REASON_KEYS = '1234567890';
const KEYS = [
  ['c', 'confirm'], ['r', 'reject'], ['u', 'unsure'], ['n', 'note'], ['z', 'undo'], ['← →', 'arrows'], ['j k', 'sites'],
  ['v', 'view'], ['Space', 'flip'], ['o', 'outlines'], ['p', 'pond'], ['a', 'add'], ['?', 'help'],
];

let desk; // what the server said of all sites
let at = 0; // place of the site that is shown, in the order
let now = null; // its details
let shownAt = null; // when its pictures were on the screen; null = not yet, and no verdict counts
let busy = false;
let paces = []; // milliseconds from a site's picture to its verdict
let writer, pictures, drawing, map, chart;
let noted = null; // what the note is for: 'note' or a place of a site to add
const fetched = new Map(); // details by site, asked for once and dropped when something was written

const site = () => desk.sites[desk.order[at]];
const nameOf = (key) => desk.sites[key]?.name ?? text('unnamed');
const say = (words) => { byId('saved').textContent = words; };
const tell = (words) => {
  byId('problem').textContent = words;
  byId('problem').hidden = !words;
};

function ask(key) {
  if (!fetched.has(key)) {
    const asked = details(key);
    fetched.set(key, asked);
    asked.catch(() => fetched.delete(key));
  }
  return fetched.get(key);
}

async function go(place, words = null) {
  at = Math.max(0, Math.min(desk.order.length - 1, place));
  shownAt = null;
  const here = site();
  if (drawing.mode) drawing.enter(null);
  closeNote();
  closeReasons();
  showSite();
  if (words) say(words);
  try {
    const found = await ask(here.key);
    if (site() !== here) return;
    now = found;
    here.review = found.review;
    chart.show(found.looks, found.album.frames);
    showSite();
    await pictures.show(here, found.album);
  } catch (problem) {
    if (site() === here) tell(problem instanceof Refused ? problem.message : text('why_gone', {again: desk.again}));
    return;
  }
  if (site() !== here) return;
  requestAnimationFrame(() => {
    shownAt = performance.now();
    document.documentElement.dataset.shown = here.key;
    prepareNext();
  });
}

// Have the next site at hand before it is asked for.
function prepareNext() {
  for (const key of new Set([desk.order[nextOpen()], desk.order[at + 1]])) {
    if (key) ask(key).then((found) => pictures.prefetch(desk.sites[key], found.album), () => {});
  }
  if (fetched.size > 40) fetched.delete(fetched.keys().next().value);
}

// The place of the next site without a verdict; -1 = all are judged.
function nextOpen() {
  const open = desk.order.map((key, place) => [desk.sites[key], place])
    .filter(([one]) => one.name !== null && one.review.verdict === null).map(([, place]) => place)
    .filter((place) => place !== at);
  return open.find((place) => place > at) ?? open[0] ?? -1;
}

// What other rows of the file say of a site: two reviewers whose files were merged.
function othersOf(here) {
  const others = now?.key === here.key ? now.others : [];
  return others.map((one) => `\n${text('others', {words: text(`verdict.${one.verdict}`)
    + (one.reason ? `: ${text(`reason.${one.reason}`)}` : '') + (one.reviewer ? ` ${text('by', {name: one.reviewer})}` : '')})}`)
    .join('');
}

function showSite() {
  const here = site();
  const {review} = here;
  byId('name').textContent = here.name ?? '';
  byId('kind').textContent = text(here.name === null ? 'unnamed' : 'site');
  byId('at').textContent = text('place', {at: at + 1, all: desk.order.length});
  const what = text(`verdict.${review.verdict ?? 'none'}`) + (review.reason ? `: ${text(`reason.${review.reason}`)}` : '');
  const who = review.verdict && review.reviewer ? text('by', {name: review.reviewer}) : '';
  const when = review.verdict && review.at ? text('on', {day: dayWords(review.at.slice(0, 10))}) : '';
  const note = review.note ? `. ${text('noted', {note: review.note})}` : '';
  byId('said').textContent = `${[what, who, when].filter(Boolean).join(' ')}${note}${othersOf(here)}`;
  byId('said').dataset.verdict = review.verdict ?? 'open';
  for (const button of document.querySelectorAll('#verdicts button[data-act]')) {
    const verdict = {confirm: 'confirmed', reject: 'rejected', unsure: 'unsure'}[button.dataset.act];
    if (verdict) button.setAttribute('aria-pressed', String(verdict === review.verdict));
    if (verdict || button.dataset.act === 'note' || button.dataset.act === 'pond') button.disabled = here.name === null;
    if (button.dataset.act === 'undo') button.disabled = !desk.undo && !writer.waiting.length;
  }
  const points = now?.key === here.key ? now.points : [];
  showFacts(byId('facts'), here, points.length);
  map.show(desk.sites, here);
  const named = desk.order.filter((key) => desk.sites[key].name !== null);
  const done = named.filter((key) => desk.sites[key].review.verdict !== null).length;
  byId('progress').max = Math.max(named.length, 1);
  byId('progress').value = done;
  byId('counted').textContent = text('progress', {done, all: named.length});
  const middle = [...paces].sort((one, other) => one - other)[Math.floor(paces.length / 2)];
  byId('pace').textContent = paces.length ? text('pace', {seconds: number(middle / 1000)}) : '';
}

// Send a command; returns the answer, or null where it is not saved (and the page says so).
async function write(command) {
  if (busy) return null;
  busy = true;
  say(text('saving'));
  try {
    const answer = await writer.write(command);
    if (answer === null) {
      say('');
      return null;
    }
    tell('');
    take(answer);
    return answer;
  } catch (problem) {
    say('');
    tell(problem instanceof Refused ? text('refused', {why: problem.message}) : String(problem));
    fetched.clear();
    if (problem instanceof Refused) await refresh();
    return null;
  } finally {
    busy = false;
  }
}

// What an answer says is on disk.
function take(answer) {
  desk.undo = answer.undo;
  fetched.delete(answer.key);
  if (answer.added) {
    if (!desk.sites[answer.key]) desk.order.push(answer.key);
    desk.sites[answer.key] = answer.added;
  } else if (answer.key.startsWith('added-') && desk.sites[answer.key]) {
    forget(answer.key);
  }
  if (desk.sites[answer.key]) desk.sites[answer.key].review = answer.review;
  if (now && now.key === answer.key) {
    now = {...now, review: answer.review, points: answer.points};
    fetched.set(answer.key, Promise.resolve(now));
  }
  showSite();
  redraw();
}

// A site that was added and is taken back.
function forget(key) {
  const place = desk.order.indexOf(key);
  const here = desk.order[at];
  desk.order.splice(place, 1);
  delete desk.sites[key];
  at = Math.max(0, here === key ? Math.min(place, desk.order.length - 1) : desk.order.indexOf(here));
}

// Ask again what is said of the site that is shown: somebody else wrote to the file.
async function refresh() {
  const here = site();
  try {
    const found = await ask(here.key);
    here.review = found.review;
    if (site() === here) now = found;
  } catch {
    // told already
  }
  showSite();
  redraw();
}

function redraw() {
  if (!now) return;
  chart.mark(pictures.left, pictures.right);
  drawing.show(now.album, now.points, pictures.outlines);
}

async function judge(verdict, reason = null) {
  const here = site();
  if (shownAt === null || here.name === null || busy) return;
  closeReasons();
  const pace = performance.now() - shownAt;
  const {review} = here;
  const seen = {verdict: review.verdict, reason: review.reason, note: review.note};
  const answer = await write({do: 'judge', site: here.key, verdict, reason, note: review.note, seen});
  if (!answer) return;
  paces.push(pace);
  const what = text(`verdict.${verdict}`).toLowerCase() + (reason ? `: ${text(`reason.${reason}`)}` : '');
  const words = text('saved_verdict', {name: here.name, what});
  const next = nextOpen();
  if (next >= 0) await go(next, words);
  else {
    say(`${words} ${text('all_judged')}`);
    showSite();
  }
}

async function undo() {
  if (busy) return;
  const unsent = writer.takeBack();
  if (unsent) {
    say(text('undone_unsent', {name: nameOf(unsent.site)}));
    showSite();
    return;
  }
  if (!desk.undo) return;
  busy = true;
  try {
    const answer = await writer.write({do: 'undo'});
    if (!answer) return;
    take(answer);
    tell('');
    const place = desk.order.indexOf(answer.key);
    await go(place >= 0 ? place : at, text('saved_undone', {name: nameOf(answer.key)}));
  } catch (problem) {
    tell(text('refused', {why: problem.message}));
  } finally {
    busy = false;
  }
}

function openReasons() {
  if (site().name === null) return;
  const box = byId('reasons');
  box.hidden = false;
  box.setAttribute('aria-label', text('reasons'));
  const head = document.createElement('b');
  head.textContent = text('reasons');
  box.replaceChildren(head, ...desk.reasons.map((reason, k) => {
    const button = document.createElement('button');
    button.type = 'button';
    const key = document.createElement('kbd');
    key.textContent = REASON_KEYS[k];
    button.append(key, ` ${text(`reason.${reason}`)}`);
    button.addEventListener('click', () => judge('rejected', reason));
    return button;
  }));
  document.querySelector('[data-act=reject]').setAttribute('aria-expanded', 'true');
  box.scrollIntoView({block: 'nearest'});
}

function closeReasons() {
  byId('reasons').hidden = true;
  document.querySelector('[data-act=reject]').setAttribute('aria-expanded', 'false');
}

function openNote(what) {
  if (what === 'note' && site().name === null) return;
  noted = what;
  byId('noting').hidden = false;
  byId('note-label').textContent = text(what === 'note' ? 'note_label' : 'add_note');
  byId('note').value = what === 'note' ? site().review.note ?? '' : '';
  byId('note').focus();
}

function closeNote() {
  noted = null;
  byId('noting').hidden = true;
  byId('note').blur();
}

async function saveNote() {
  const what = noted;
  const words = byId('note').value.trim() || null;
  closeNote();
  if (what !== 'note') {
    const answer = await write({do: 'add_site', where: what, note: words});
    if (answer) {
      drawing.enter(null);
      map.draw([]);
      say(text('saved_added'));
    }
    return;
  }
  const here = site();
  const {verdict, reason, note} = here.review;
  const answer = await write({do: 'judge', site: here.key, verdict, reason, note: words, seen: {verdict, reason, note}});
  if (answer) say(text('saved_note', {name: here.name}));
}

async function setPoint(fid, where) {
  const here = site();
  const placed = 'xy' in where ? {site: here.key, ...where} : where;
  if (await write({do: 'set_point', site: here.key, fid, where: placed})) say(text('saved_point', {name: here.name}));
  else redraw();
}

async function removePoint(fid) {
  const here = site();
  if (await write({do: 'remove_point', fid})) say(text('saved_removed', {name: here.name}));
}

const addSite = (where) => openNote('xy' in where ? {site: site().key, ...where} : where);

function draw(mode) {
  if (mode === 'point' && site().name === null) return;
  drawing.enter(drawing.mode === mode ? null : mode);
}

const ACTS = {
  confirm: () => judge('confirmed'),
  reject: () => byId('reasons').hidden ? openReasons() : closeReasons(),
  unsure: () => judge('unsure'),
  note: () => openNote('note'),
  undo,
  pond: () => draw('point'),
  add: () => draw('add'),
  cancel: closeNote,
  earlier: (event) => pictures.step(-1, event.shiftKey ? 'left' : 'right'),
  later: (event) => pictures.step(1, event.shiftKey ? 'left' : 'right'),
  previous: () => go(at - 1),
  next: () => go(at + 1),
  help: () => byId('help').showModal(),
  'zoom-in': () => map.zoom(0.6),
  'zoom-out': () => map.zoom(1 / 0.6),
  'map-here': () => map.showHere(),
  'map-all': () => map.showAll(),
};

const BY_KEY = {
  c: 'confirm', r: 'reject', u: 'unsure', n: 'note', z: 'undo', p: 'pond', a: 'add', j: 'next', k: 'previous',
  PageDown: 'next', PageUp: 'previous', ArrowLeft: 'earlier', ArrowRight: 'later', '?': 'help',
};
const ONCE = new Set(['confirm', 'unsure', 'undo', 'reject', 'note']);

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId('help').open) return;
  const typing = event.target.closest('textarea');
  if (typing) {
    if (event.key === 'Escape') closeNote();
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      saveNote();
    }
    return;
  }
  const onButton = event.target.closest('button') && (event.key === ' ' || event.key === 'Enter');
  if (drawing.mode && !onButton && drawing.key(event)) return;
  const reasons = !byId('reasons').hidden;
  if (reasons && event.key === 'Escape') closeReasons();
  else if (reasons && event.key.length === 1 && REASON_KEYS.includes(event.key) && !event.repeat) {
    judge('rejected', desk.reasons[REASON_KEYS.indexOf(event.key)]);
  } else if (event.key === 'v') pictures.nextView();
  else if (event.key === 'o') pictures.toggleOutlines();
  else if (event.key === ' ' && !onButton) pictures.flip();
  else {
    const act = BY_KEY[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const slider = event.target.id === 'slider' && event.key.startsWith('Arrow');
    if (!act || slider || (event.repeat && ONCE.has(act))) return;
    ACTS[act](event);
  }
  event.preventDefault();
}

// What waits to be saved, and why.
function waiting(n, why) {
  if (!n) {
    tell('');
    return;
  }
  if (!why) return;
  const words = why.kind === 'problem' ? `${why.words}.` : why.kind === 'token' ? text('why_token')
    : text('why_gone', {again: desk.again});
  tell(text('unsaved', {n, why: words}));
}

// A command that had to wait was answered.
function settled(command, answer, refused) {
  if (answer) {
    take(answer);
    say(text('resent', {n: 1}));
  } else {
    say(text('refused', {why: refused}));
    fetched.clear();
    refresh();
  }
}

function words() {
  for (const each of document.querySelectorAll('[data-text]')) each.textContent = text(each.dataset.text);
  for (const each of document.querySelectorAll('[data-label]')) each.setAttribute('aria-label', text(each.dataset.label));
  byId('keys').replaceChildren(...KEYS.map(([keys, what]) => {
    const row = document.createElement('tr');
    const [left, right] = [document.createElement('th'), document.createElement('td')];
    left.append(...keys.split(' ').map((key) => {
      const one = document.createElement('kbd');
      one.textContent = key === 'Space' ? text('key.space') : key;
      return one;
    }));
    right.textContent = text(`key.${what}`);
    row.append(left, right);
    return row;
  }));
  byId('title').textContent = text('title', {place: desk.aoi.title});
  document.title = `${desk.simulated ? '[SIMULATED] ' : ''}${text('page_title', {place: desk.aoi.title})}`;
  byId('simulated').hidden = !desk.simulated;
  byId('simulated').textContent = text('simulated');
  byId('reviewer').textContent = desk.reviewer ? text('reviewer', {name: desk.reviewer}) : text('no_reviewer');
  byId('gone').textContent = desk.gone.length ? text('gone', {n: desk.gone.length, names: desk.gone.join(', ')}) : '';
  byId('problems').replaceChildren(...desk.problems.map((problem) => {
    const line = document.createElement('p');
    line.textContent = problem;
    return line;
  }));
  byId('legend').replaceChildren(...['open', 'confirmed', 'rejected', 'unsure', 'added'].map((kind) => {
    const one = document.createElement('span');
    one.className = `key ${kind}`;
    one.textContent = kind === 'open' ? text('legend_open') : kind === 'added' ? text('status_added')
      : text(`verdict.${kind}`).toLowerCase();
    return one;
  }));
}

function mapClick(lonlat, key) {
  if (drawing.mode) drawing.mapClick(lonlat);
  else if (key) go(desk.order.indexOf(key));
}

async function start() {
  await readTexts();
  byId('saved').textContent = text('loading');
  try {
    desk = await overview();
  } catch (problem) {
    say('');
    tell(problem.message);
    return;
  }
  writer = new Writer(desk.aoi.name, waiting);
  writer.settled = settled;
  words();
  drawing = new Drawing({point: setPoint, remove: removePoint, add: addSite, map: (places) => map.draw(places),
    changed: (mode) => {
      for (const [act, is] of [['pond', 'point'], ['add', 'add']]) {
        document.querySelector(`#verdicts [data-act=${act}]`).setAttribute('aria-pressed', String(mode === is));
      }
      if (mode === null) map.draw([]);
    }});
  pictures = new Pictures(redraw);
  map = new AreaMap(byId('map'), desk.aoi, {click: mapClick});
  chart = new Chart(byId('chart'), (place, shift) => pictures.choose(place, shift ? 'left' : 'right'));
  document.addEventListener('keydown', pressed);
  document.addEventListener('click', (event) => {
    const act = event.target.closest('[data-act]')?.dataset.act;
    if (act) ACTS[act](event);
  });
  byId('noting').addEventListener('submit', (event) => {
    event.preventDefault();
    saveNote();
  });
  byId('stage').addEventListener('pointerdown', slideBegins);
  say('');
  if (!desk.order.length) return;
  await go(0);
  if (writer.waiting.length) await writer.drain();
}

// The slider is also moved by dragging on the pictures themselves.
function slideBegins(event) {
  if (drawing.mode || !now?.album.frames.length) return;
  const stage = byId('stage');
  const to = (moved) => {
    const box = stage.getBoundingClientRect();
    pictures.slide(Math.max(0, Math.min(100, (moved.clientX - box.left) / box.width * 100)));
  };
  event.preventDefault();
  stage.setPointerCapture(event.pointerId);
  to(event);
  stage.addEventListener('pointermove', to);
  const end = () => stage.removeEventListener('pointermove', to);
  stage.addEventListener('pointerup', end, {once: true});
  stage.addEventListener('pointercancel', end, {once: true});
}

start();
