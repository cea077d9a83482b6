// The pictures of a site: an earlier look on the left, a later one on the right, and a slider between them.

import {picture} from './server.js';
import {dayWords, percent, text} from './texts.js';

const KEPT = 90;
const VIEWS = ['natural_colour', 'shortwave_infrared', 'what_the_model_sees'];
const byId = (id) => document.getElementById(id);

// Pictures by address, loaded once and soon forgotten.
class Store {
  constructor() {
    this.kept = new Map();
  }

  get(key, number, view) {
    const name = `${key}/${number}/${view}`;
    const found = this.kept.get(name) ?? picture(key, number, view).then((blob) => URL.createObjectURL(blob));
    this.kept.delete(name);
    this.kept.set(name, found);
    found.catch(() => this.kept.delete(name));
    for (const [old, address] of this.kept) {
      if (this.kept.size <= KEPT) break;
      this.kept.delete(old);
      address.then(URL.revokeObjectURL, () => {});
    }
    return found;
  }
}

// Which two looks are shown at first: the last without the site, and one that shows it.
export function firstPair(frames, status) {
  const place = (role) => frames.findIndex((frame) => frame.role === role);
  const [before, first, latest] = [place('before'), place('first'), place('latest')];
  const gone = status === 'idle' || status === 'ended';
  const right = [gone ? first : latest, first, latest, frames.length - 1].find((one) => one >= 0);
  return [[before, 0].find((one) => one >= 0), right];
}

// The view in which a frame is shown: the model has not looked at every one.
const shownView = (frame, view) => frame.views.includes(view) ? view : VIEWS[0];

export class Pictures {
  constructor(changed) {
    this.store = new Store();
    this.changed = changed;
    [this.view] = VIEWS;
    this.outlines = true;
    this.share = 50;
    byId('slider').setAttribute('aria-label', text('slider'));
    byId('slider').addEventListener('input', (event) => this.slide(Number(event.target.value)));
  }

  // Show the album of a site; settles when its pictures are on the screen.
  async show(site, album) {
    this.site = site;
    this.album = album;
    this.frames = album.frames;
    [this.left, this.right] = firstPair(this.frames, site.status);
    this.slide(50);
    const missing = byId('missing');
    missing.hidden = this.frames.length > 0 && !album.missing;
    missing.textContent = album.missing ? text('pictures_missing', {why: album.missing}) : text('no_pictures');
    missing.classList.toggle('note', this.frames.length > 0);
    byId('stage').classList.toggle('empty', !this.frames.length);
    await this.draw();
  }

  prefetch(site, album) {
    if (!album.frames.length) return;
    for (const number of new Set(firstPair(album.frames, site.status))) {
      this.store.get(site.key, number, shownView(album.frames[number], this.view)).catch(() => {});
    }
  }

  // Another look on one side, `by` steps away.
  step(by, side = 'right') {
    if (!this.frames.length) return;
    this.choose(Math.max(0, Math.min(this.frames.length - 1, this[side] + by)), side);
  }

  choose(number, side) {
    this[side] = number;
    this.draw();
  }

  setView(view) {
    this.view = view;
    this.draw();
  }

  nextView() {
    this.setView(VIEWS[(VIEWS.indexOf(this.view) + 1) % VIEWS.length]);
  }

  slide(share) {
    this.share = share;
    byId('slider').value = share;
    byId('right').style.clipPath = `inset(0 0 0 ${share}%)`;
    byId('handle').style.left = `${share}%`;
    byId('left-caption').hidden = share < 8;
    byId('right-caption').hidden = share > 92;
  }

  flip() {
    this.slide(this.share > 50 ? 0 : 100);
  }

  async draw() {
    const {site, frames, left, right, view} = this;
    this.buttons();
    this.changed();
    for (const id of ['left', 'right', 'left-caption', 'right-caption', 'handle', 'scale']) {
      byId(id).classList.toggle('off', !frames.length);
    }
    byId('slider').disabled = !frames.length;
    byId('look').textContent = frames.length ? text('look_of', {at: right + 1, all: frames.length,
      day: dayWords(frames[right].day), share: percent(frames[right].clear_share),
      overpass: frames[right].overpass}) : '';
    if (!frames.length) return;
    for (const [side, number] of [['left', left], ['right', right]]) {
      const caption = text('caption', {role: text(`role.${frames[number].role}`), day: dayWords(frames[number].day)});
      byId(`${side}-caption`).textContent = shownView(frames[number], view) === view ? caption
        : `${caption}: ${text('no_view')}`;
    }
    this.scale();
    await Promise.all([this.place('left', left, site, view), this.place('right', right, site, view)]);
  }

  async place(side, number, site, view) {
    const image = byId(side);
    const frame = this.frames[number];
    const shown = shownView(frame, view);
    image.alt = text('alt', {name: site.name ?? '', day: dayWords(frame.day), view: text(`view.${shown}`)});
    try {
      const address = await this.store.get(site.key, number, shown);
      if (this.site !== site || this[side] !== number || this.view !== view) return;
      if (image.src !== address) {
        image.src = address;
        await image.decode();
      }
      image.classList.remove('failed');
    } catch {
      if (this.site !== site || this[side] !== number) return;
      image.removeAttribute('src');
      image.alt = text('picture_failed');
      image.classList.add('failed');
    }
  }

  buttons() {
    const offered = this.frames.flatMap((frame) => frame.views);
    byId('views').replaceChildren(...VIEWS.map((view) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = text(`view.${view}`);
      button.disabled = !offered.includes(view);
      button.setAttribute('aria-pressed', String(view === this.view));
      button.addEventListener('click', () => this.setView(view));
      return button;
    }), this.outlineButton());
  }

  outlineButton() {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'apart';
    button.textContent = text('outlines');
    button.setAttribute('aria-pressed', String(this.outlines));
    button.addEventListener('click', () => this.toggleOutlines());
    return button;
  }

  toggleOutlines() {
    this.outlines = !this.outlines;
    this.draw();
  }

  // A scale bar of a round length.
  scale() {
    const side = this.album.side_m;
    const metres = [2000, 1000, 500, 200, 100, 50].find((one) => one <= side * 0.3) ?? 20;
    byId('scale').querySelector('i').style.width = `${metres / side * byId('stage').clientWidth}px`;
    byId('scale').querySelector('b').textContent = `${text('scale', {metres})} · ${text('north')}`;
  }
}
