// The map: the outline of the area, all sites, and this one. It can be moved and enlarged, and drawn on.

import {element} from './numbers.js';
import {text} from './texts.js';

const MOST = 400;
const NEAR_KM = 12;
const DRAG_PX = 4;

export class AreaMap {
  constructor(svg, aoi, on) {
    this.svg = svg;
    this.on = on;
    const [west, south, east, north] = aoi.bounds;
    this.narrow = Math.cos((south + north) / 2 * Math.PI / 180);
    this.whole = {x: west * this.narrow, y: -north, width: (east - west) * this.narrow, height: north - south};
    this.rings = aoi.rings;
    svg.setAttribute('aria-label', text('map'));
    this.area = element('path', {class: 'area', d: aoi.rings.map((ring) =>
      `M${ring.map((lonlat) => this.xy(lonlat).join(' ')).join('L')}Z`).join('')});
    this.dots = element('g');
    this.sketch = element('g');
    svg.append(this.area, this.dots, this.sketch);
    this.showAll();
    this.listen();
    new ResizeObserver(() => this.fit()).observe(svg);
  }

  xy([lon, lat]) {
    return [lon * this.narrow, -lat];
  }

  lonlat(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [Math.max(-180, Math.min(180, point.x / this.narrow)), Math.max(-90, Math.min(90, -point.y))];
  }

  // Sites as dots; `now` is the one that is judged.
  show(sites, now) {
    this.sites = sites;
    this.now = now;
    const order = Object.values(sites).filter((site) => site.key !== now.key);
    this.dots.replaceChildren(...[...order, now].map((site) => {
      const [cx, cy] = this.xy(site.at);
      const kind = site.name === null ? 'added' : site.review.verdict ?? (site.added ? 'added' : 'open');
      const dot = element('circle', {cx, cy, class: `dot ${kind}${site === now ? ' now' : ''}`, 'data-key': site.key},
        element('title', {}, site.name ?? text('unnamed')));
      return dot;
    }));
    this.fit();
  }

  draw(places) {
    const at = places.map((place) => this.xy(place));
    this.sketch.replaceChildren(
      ...(at.length > 1 ? [element('path', {class: 'drawn', d: `M${at.map((one) => one.join(' ')).join('L')}Z`})] : []),
      ...at.map(([cx, cy]) => element('circle', {cx, cy, class: 'corner'})));
    this.fit();
  }

  showAll() {
    const {x, y, width, height} = this.whole;
    const edge = 0.06 * Math.max(width, height);
    this.set(x - edge, y - edge, width + 2 * edge, height + 2 * edge);
  }

  showHere() {
    const side = NEAR_KM / 111;
    const [x, y] = this.xy(this.now.at);
    this.set(x - side / 2, y - side / 2, side, side);
  }

  zoom(factor, at = null) {
    const {x, y, width, height} = this.box;
    const least = Math.max(this.whole.width, this.whole.height) / MOST;
    const most = 3 * Math.max(this.whole.width, this.whole.height);
    const by = Math.max(least / width, Math.min(most / width, factor));
    const [px, py] = at ?? [x + width / 2, y + height / 2];
    this.set(px - (px - x) * by, py - (py - y) * by, width * by, height * by);
  }

  set(x, y, width, height) {
    this.box = {x, y, width, height};
    this.svg.setAttribute('viewBox', `${x} ${y} ${width} ${height}`);
    this.fit();
  }

  // Dots have the same size however large the map is.
  fit() {
    const {width, height} = this.svg.getBoundingClientRect();
    if (!width || !height) return;
    const unit = Math.max(this.box.width / width, this.box.height / height);
    for (const dot of this.svg.querySelectorAll('circle')) {
      dot.setAttribute('r', (dot.classList.contains('now') ? 8 : 5) * unit);
    }
  }

  listen() {
    let start = null;
    this.svg.addEventListener('wheel', (event) => {
      event.preventDefault();
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, [point.x, point.y]);
    }, {passive: false});
    this.svg.addEventListener('pointerdown', (event) => {
      this.svg.setPointerCapture(event.pointerId);
      start = {x: event.clientX, y: event.clientY, box: this.box, dot: event.target.closest('[data-key]'), moved: false};
    });
    this.svg.addEventListener('pointermove', (event) => {
      if (!start) return;
      const [dx, dy] = [event.clientX - start.x, event.clientY - start.y];
      start.moved ||= Math.hypot(dx, dy) > DRAG_PX;
      if (!start.moved) return;
      const scale = this.svg.getScreenCTM().a;
      this.set(start.box.x - dx / scale, start.box.y - dy / scale, start.box.width, start.box.height);
    });
    this.svg.addEventListener('pointerup', (event) => {
      const begun = start;
      start = null;
      if (!begun || begun.moved) return;
      this.on.click(this.lonlat(event), begun.dot?.dataset.key ?? null);
    });
    this.svg.addEventListener('pointercancel', () => { start = null; });
  }
}
