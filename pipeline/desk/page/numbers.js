// The numbers of a site: what is said of it in words, and its pond area over time.

import {dayWords, hectares, monthWords, percent, text} from './texts.js';

const SVG = 'http://www.w3.org/2000/svg';

export function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const onset = (interval) => interval === null ? text('not_yet')
  : interval[0] === null ? text('already', {by: dayWords(interval[1])})
  : text('between', {after: dayWords(interval[0]), by: dayWords(interval[1])});

function pondArea([value, low, high]) {
  return text('pond_area_value', {value: hectares(value), low: hectares(low), high: hectares(high)});
}

// The facts of a site as pairs of words.
function pairs(site, points) {
  const where = ['where', text('where_value', {lat: site.at[1].toFixed(5), lon: site.at[0].toFixed(5)})];
  if (site.name === null) return [['status', text('status_added')], where];
  const found = [
    ['confidence', site.confidence === null ? text('confidence_none')
      : text('confidence_value', {share: percent(site.confidence)})],
    ['status', text(`status_means.${site.status}`) + (site.added ? `; ${text('status_added')}` : '')],
    ['ponds', onset(site.ponds)],
    ['ground', onset(site.ground)],
    ['pond_area', pondArea(site.pond_area_m2) + (points ? `; ${text('points', {n: points})}` : '')],
    ['ground_area', text('ground_area_value', {value: hectares(site.ground_area_m2)})],
    ['clear_looks', site.last_clear === null ? text('clear_looks_none')
      : text('clear_looks_value', {n: site.clear_looks, day: dayWords(site.last_clear)})],
    where,
  ];
  if (site.last_seen && site.last_seen !== site.last_clear) found.push(['last_seen', dayWords(site.last_seen)]);
  if (site.earlier_dates) found.push(['earlier_dates', site.earlier_dates]);
  return found;
}

export function showFacts(list, site, points) {
  list.replaceChildren(...pairs(site, points).flatMap(([key, words]) => {
    const term = document.createElement('dt');
    const said = document.createElement('dd');
    term.textContent = text(key);
    said.textContent = words;
    return [term, said];
  }));
  if (site.stale_since) {
    const stale = document.createElement('dd');
    stale.className = 'stale';
    stale.textContent = text('stale', {day: dayWords(site.stale_since)});
    list.append(stale);
  }
}

// Pond area at each clear look, with its interval. A look that has a picture can be chosen.
export class Chart {
  constructor(svg, choose) {
    this.svg = svg;
    this.choose = choose;
    new ResizeObserver(() => this.draw()).observe(svg);
  }

  show(looks, frames) {
    this.looks = looks;
    this.frames = frames;
    this.draw();
  }

  mark(left, right) {
    this.left = left;
    this.right = right;
    this.draw();
  }

  draw() {
    const {svg, looks = [], frames = []} = this;
    const {width, height} = svg.getBoundingClientRect();
    svg.replaceChildren();
    if (!looks.length || !width) return;
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const [x0, x1, y0, y1] = [44, width - 14, 10, height - 22];
    const time = (day) => Date.parse(`${day}T00:00:00Z`);
    const [first, last] = [time(looks[0].day), time(looks[looks.length - 1].day)];
    const x = (day) => first === last ? (x0 + x1) / 2 : x0 + (time(day) - first) / (last - first) * (x1 - x0);
    const most = Math.max(...looks.map((look) => look.pond_area_m2[2]), 100);
    const y = (m2) => y1 - Math.min(m2 / most, 1) * (y1 - y0);
    for (const share of [0, 0.5, 1]) {
      const at = y(share * most);
      svg.append(element('line', {x1: x0, x2: x1, y1: at, y2: at, class: 'rule'}));
      svg.append(element('text', {x: x0 - 6, y: at + 4, class: 'tick', 'text-anchor': 'end'}, hectares(share * most)));
    }
    this.years(x, x0, x1, y1, looks);
    for (const look of looks) {
      const frame = frames.findIndex((one) => one.overpass === look.overpass);
      const [value, low, high] = look.pond_area_m2;
      const words = text('chart_look', {day: dayWords(look.day), value: hectares(value), low: hectares(low),
        high: hectares(high)});
      const state = frame < 0 ? 'none' : frame === this.right ? 'right' : frame === this.left ? 'left' : 'some';
      const group = element('g', {class: `look ${state}`}, element('title', {}, words),
        element('line', {x1: x(look.day), x2: x(look.day), y1: y(low), y2: y(high), class: 'interval'}),
        element('circle', {cx: x(look.day), cy: y(value), r: state === 'right' || state === 'left' ? 6 : 4}));
      if (frame >= 0) {
        group.append(element('rect', {x: x(look.day) - 6, y: 0, width: 12, height: y1 + 6, class: 'target'}));
        group.addEventListener('click', (event) => this.choose(frame, event.shiftKey));
      }
      svg.append(group);
    }
  }

  years(x, x0, x1, y1, looks) {
    const [from, to] = [looks[0].day, looks[looks.length - 1].day];
    let lastAt = -Infinity;
    const label = (day, words) => {
      if (x(day) - lastAt < 74) return;
      lastAt = x(day);
      this.svg.append(element('text', {x: Math.max(x(day), x0), y: y1 + 17, class: 'tick',
        'text-anchor': x(day) - x0 < 30 ? 'start' : x1 - x(day) < 20 ? 'end' : 'middle'}, words));
    };
    for (let month = new Date(`${from.slice(0, 7)}-01T00:00:00Z`); ; month.setUTCMonth(month.getUTCMonth() + 1)) {
      const day = month.toISOString().slice(0, 10);
      if (day > to) break;
      if (day >= from) label(day, monthWords(day));
    }
  }
}
