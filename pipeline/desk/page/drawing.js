// What lies on the pictures: outlines, pond points, and what a person draws, by mouse or with the arrow keys.

import {element} from './numbers.js';
import {text} from './texts.js';

const SIDE = 1000;
const STEP = 0.5 / 128;
const FAST = 8;
const NEAR = 0.02;
const byId = (id) => document.getElementById(id);
const within = (share) => Math.max(0, Math.min(1, share));

export class Drawing {
  // `on`: point(fid, where), remove(fid), add(where), changed(mode)
  constructor(on) {
    this.on = on;
    this.mode = null;
    this.svg = byId('overlay');
    this.listen();
  }

  show(album, points, outlines) {
    this.album = album;
    this.points = points;
    this.outlines = outlines;
    this.draw();
  }

  // Begin to set points ('point') or to add a site ('add'), or end it (null).
  enter(mode) {
    this.mode = mode;
    this.cross = [0.5, 0.5];
    this.corners = [];
    this.onMap = null;
    this.chosen = null;
    byId('stage').classList.toggle('drawing', mode !== null && this.album.drawable);
    const hint = byId('hint');
    hint.hidden = mode === null;
    hint.textContent = mode === null ? '' : (this.album.drawable ? '' : `${text('not_drawable')} `)
      + text(this.album.drawable ? `hint_${mode}` : 'hint_map');
    if (mode) hint.scrollIntoView({block: 'nearest'});
    this.draw();
    this.on.changed(mode);
  }

  // A key while something is drawn; returns whether it was meant for here.
  key(event) {
    const move = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    if (event.key === 'Escape') this.enter(null);
    else if (move) this.move(move, event.shiftKey ? FAST : 1);
    else if (event.key === 'Tab' && this.mode === 'point' && this.points.length) this.choose(event.shiftKey ? -1 : 1);
    else if ((event.key === 'Delete' || event.key === 'Backspace') && this.mode === 'point') this.remove();
    else if (event.key === 'Backspace') this.takeCorner();
    else if (event.key === ' ' && this.mode === 'add') this.corner(this.cross);
    else if (event.key === 'Enter' || event.key === ' ') this.finish();
    else return false;
    event.preventDefault();
    return true;
  }

  move([dx, dy], fast) {
    if (!this.album.drawable) return;
    this.cross = [within(this.cross[0] + dx * fast * STEP), within(this.cross[1] + dy * fast * STEP)];
    this.draw();
  }

  choose(by) {
    const shown = this.points.filter((point) => point.xy);
    if (!shown.length) return;
    const at = shown.findIndex((point) => point.fid === this.chosen);
    const point = shown[(at + by + shown.length) % shown.length];
    this.chosen = point.fid;
    this.cross = point.xy.map(within);
    this.draw();
  }

  remove() {
    if (this.chosen !== null) this.on.remove(this.chosen);
    this.chosen = null;
  }

  corner(xy) {
    if (!this.album.drawable) return;
    this.onMap = null;
    this.corners.push([...xy]);
    this.draw();
  }

  takeCorner() {
    this.corners.pop();
    this.onMap?.pop();
    this.on.map(this.onMap ?? []);
    this.draw();
  }

  // A click on the map while something is drawn.
  mapClick(lonlat) {
    if (this.mode === 'point') {
      this.on.point(null, {lonlat: [lonlat]});
      return;
    }
    this.corners = [];
    this.onMap = [...(this.onMap ?? []), lonlat];
    this.on.map(this.onMap);
    this.draw();
  }

  finish() {
    if (this.mode === 'point') {
      if (this.album.drawable) this.on.point(this.chosen, {xy: [this.cross]});
    } else if (this.onMap?.length) {
      this.on.add({lonlat: this.onMap});
    } else if (this.album.drawable) {
      this.on.add({xy: this.corners.length ? this.corners : [this.cross]});
    }
  }

  draw() {
    const {svg, album, mode} = this;
    const at = ([x, y]) => `${x * SIDE} ${y * SIDE}`;
    const ring = (corners, kind) => element('path', {class: kind, d: `M${corners.map(at).join('L')}Z`});
    svg.replaceChildren();
    if (!album) return;
    if (this.outlines) {
      svg.append(...album.site.flatMap((one) => [ring(one, 'site under'), ring(one, 'site')]));
      svg.append(...album.ponds.map((one) => ring(one, 'ponds')));
    }
    svg.append(...this.points.filter((point) => point.xy).map((point) => {
      const [cx, cy] = point.xy.map((share) => share * SIDE);
      return element('circle', {cx, cy, r: 11, class: `point${point.fid === this.chosen ? ' chosen' : ''}`,
        'data-fid': point.fid});
    }));
    if (mode === 'add' && this.corners.length) {
      svg.append(ring(this.corners, 'drawn'));
      svg.append(...this.corners.map(([x, y]) => element('circle', {cx: x * SIDE, cy: y * SIDE, r: 7, class: 'corner'})));
    }
    if (mode !== null && album.drawable) {
      const [x, y] = this.cross.map((share) => share * SIDE);
      const d = `M${x - 40} ${y}H${x - 10}M${x + 10} ${y}H${x + 40}M${x} ${y - 40}V${y - 10}M${x} ${y + 10}V${y + 40}`;
      svg.append(element('path', {class: 'cross under', d}), element('path', {class: 'cross', d}));
    }
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  nearest(xy) {
    const far = (point) => Math.hypot(point.xy[0] - xy[0], point.xy[1] - xy[1]);
    const [best] = this.points.filter((point) => point.xy).sort((one, other) => far(one) - far(other));
    return best && far(best) < NEAR ? best : null;
  }

  listen() {
    let dragged = null;
    let begun = null;
    this.svg.addEventListener('pointerdown', (event) => {
      if (this.mode === null || !this.album.drawable) return;
      event.stopPropagation();
      this.svg.setPointerCapture(event.pointerId);
      this.cross = begun = this.place(event);
      dragged = this.mode === 'point' ? this.nearest(this.cross)?.fid ?? null : null;
      this.chosen = dragged;
      this.draw();
    });
    this.svg.addEventListener('pointermove', (event) => {
      if (dragged === null) return;
      this.cross = this.place(event);
      this.points = this.points.map((point) => point.fid === dragged ? {...point, xy: this.cross} : point);
      this.draw();
    });
    this.svg.addEventListener('pointerup', (event) => {
      if (this.mode === null || !this.album.drawable) return;
      const moved = dragged;
      dragged = null;
      this.cross = this.place(event);
      const far = Math.hypot(this.cross[0] - begun[0], this.cross[1] - begun[1]) > STEP;
      if (this.mode === 'add') this.corner(this.cross);
      else if (moved === null) this.on.point(null, {xy: [this.cross]});
      else if (far) this.on.point(moved, {xy: [this.cross]});
    });
  }
}
