// What moves on the page: the map, the order of the table, and the pictures of a site once somebody opens it.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  document.documentElement.classList.add("scripted");

  function say(key, values = {}) {
    return data.words[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  }

  // ---- The table ----

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        order(table.tBodies[0], column, up);
      });
    });
  }

  function order(body, column, up) {
    const key = (row) => row.cells[column].dataset.key;
    const numbers = [...body.rows].every((row) => key(row) === "" || !Number.isNaN(Number(key(row))));
    const sorted = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === ""); // what is not known comes last, either way
      const found = numbers ? Number(x) - Number(y) : x.localeCompare(y);
      return up ? found : -found;
    });
    body.append(...sorted);
  }

  document.querySelectorAll("table.sortable").forEach(sortable);

  // ---- The evidence of a site ----

  const filled = new Set();

  function fill(details) {
    if (filled.has(details)) return;
    filled.add(details);
    const held = details.querySelector('script[type="application/json"]');
    const site = JSON.parse(held.textContent);
    held.remove();
    const chart = details.querySelector(".chart");
    if (chart) chart.innerHTML = site.chart;
    const figure = details.querySelector(".compare");
    if (figure) compare(figure, site.frames);
  }

  function compare(figure, frames) {
    const find = (selector) => figure.querySelector(selector);
    const stage = find(".stage"), slider = find(".slider"), edge = find(".edge");
    const [left, right] = [find("img.left"), find("img.right")];
    const picked = (selector) => frames[find(selector)?.value ?? find(".pick-left").value];

    function show() {
      const view = find("input:checked").value;
      figure.querySelectorAll(".means").forEach((text, k) => (text.hidden = k !== Number(view)));
      const [before, after] = [picked(".pick-left"), picked(".pick-right")];
      for (const [image, frame] of [[left, before], [right, after]]) {
        const there = frame.images[view] !== "";
        if (there) image.src = frame.images[view];
        image.alt = frame.alts[view];
        image.hidden = !there;
        image.nextElementSibling.hidden = there;
        image.parentElement.querySelector(".when").textContent = frame.label;
      }
      find(".left-more").textContent = before.more;
      find(".right-more").textContent = slider ? after.more : "";
      slide();
    }

    function slide() {
      const value = slider ? Number(slider.value) : 100;
      left.parentElement.style.clipPath = `inset(0 ${100 - value}% 0 0)`;
      edge.style.left = `${value}%`;
      edge.hidden = !slider;
      if (!slider) return;
      const names = { percent: value, left: picked(".pick-left").label, right: picked(".pick-right").label };
      slider.setAttribute("aria-valuetext", say("more_by", names));
    }

    figure.addEventListener("change", show);
    if (slider) {
      slider.addEventListener("input", slide);
      const move = (event) => {
        const box = stage.getBoundingClientRect();
        slider.value = Math.round((100 * (event.clientX - box.left)) / box.width);
        slide();
      };
      stage.addEventListener("pointerdown", (event) => {
        stage.setPointerCapture(event.pointerId);
        move(event);
      });
      stage.addEventListener("pointermove", (event) => event.buttons && move(event));
    } else {
      stage.classList.add("single");
      right.parentElement.hidden = true;
    }
    show();
  }

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      fill(entry.target);
    }
  }, { rootMargin: "600px" });
  const sites = [...document.querySelectorAll("details.site")];
  for (const details of sites) {
    details.addEventListener("toggle", () => details.open && near.observe(details));
    if (details.open) near.observe(details);
  }

  function open(id) {
    const details = document.getElementById(id);
    if (!details?.matches("details.site")) return;
    details.open = true;
    fill(details);
    details.scrollIntoView({ block: "start" });
    details.querySelector("summary").focus({ preventScroll: true });
  }

  const openHash = () => open(decodeURIComponent(location.hash.slice(1)));
  addEventListener("hashchange", openHash);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#"]'); // also when the address is that already
    if (link) open(decodeURIComponent(link.hash.slice(1)));
  });

  // ---- On paper ----

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = sites.filter((details) => !details.open);
    opened.forEach((details) => (details.open = true));
    sites.filter((details) => "printed" in details.dataset).forEach(fill);
  });
  addEventListener("afterprint", () => opened.forEach((details) => (details.open = false)));

  // ---- The map ----

  const place = document.getElementById("movable");
  document.querySelector(".drawn").hidden = true;
  place.hidden = false;
  place.setAttribute("role", "region");
  place.setAttribute("aria-label", say("map"));
  const map = L.map(place, {
    attributionControl: false, zoomControl: false, scrollWheelZoom: false, maxZoom: 17, zoomSnap: 0.25,
    dragging: !matchMedia("(pointer: coarse)").matches, // one finger scrolls the page, two move the map
    zoomAnimation: !calm, fadeAnimation: !calm, inertia: !calm,
  });
  map.on("focus", () => map.scrollWheelZoom.enable()); // a page that scrolls is not caught by the map
  map.on("blur", () => map.scrollWheelZoom.disable());
  L.control.zoom({ zoomInTitle: say("zoom_in"), zoomOutTitle: say("zoom_out") }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  let whole = true, fitting = false; // whether all of the area is shown, and by us

  function showWhole() {
    fitting = true;
    map.fitBounds(data.map.bounds, { animate: false });
    fitting = false;
    whole = true;
  }

  const Whole = L.Control.extend({
    onAdd() {
      const bar = L.DomUtil.create("div", "leaflet-bar");
      const button = L.DomUtil.create("a", "", bar);
      Object.assign(button, { href: "#map", textContent: "⤢", title: say("whole") });
      button.setAttribute("role", "button");
      button.setAttribute("aria-label", say("whole"));
      L.DomEvent.on(button, "click", (event) => {
        L.DomEvent.stop(event);
        showWhole();
      });
      return bar;
    },
  });
  new Whole({ position: "topleft" }).addTo(map);

  const still = { interactive: false, fillOpacity: 1, fillRule: "evenodd" };
  for (const [rings, name] of [["area", "area"], ["seenBefore", "seen-before"], ["seenLast", "seen-last"]]) {
    if (data.map[rings].length) {
      const edge = name === "area" ? {} : { stroke: false };
      L.polygon([data.map[rings]], { ...still, ...edge, className: name }).addTo(map);
    }
  }
  const lines = L.layerGroup().addTo(map);
  const marks = new Map();
  for (const site of data.map.sites) {
    L.polygon([site.rings], { className: "site-outline", interactive: false }).addTo(map);
    const mark = L.circleMarker(site.at, { radius: 7, className: `mark ${site.mark}` });
    mark.bindTooltip(site.id).on("click", () => {
      history.replaceState(null, "", `#${site.id}`);
      open(site.id);
    });
    marks.set(site.id, mark.addTo(map));
  }
  document.querySelectorAll("button.to-map").forEach((button) =>
    button.addEventListener("click", () => {
      const mark = marks.get(button.dataset.site);
      map.setView(mark.getLatLng(), 14, { animate: false });
      mark.openTooltip();
      place.scrollIntoView({ block: "center" });
      place.focus({ preventScroll: true });
    })
  );

  const STEPS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

  function graticule() {
    lines.clearLayers();
    const box = map.getBounds(), size = map.getSize();
    const [west, south, east, north] = [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()];
    const step = STEPS.find((found) => (east - west) / found <= Math.max(2, size.x / 130)) ?? 20;
    const label = (value) => `${Number(value.toFixed(3))}°`;
    const add = (ends, at, value, anchor) => {
      L.polyline(ends, { className: "graticule", interactive: false }).addTo(lines);
      const icon = L.divIcon({ className: "degree", html: label(value), iconSize: null, iconAnchor: anchor });
      L.marker(at, { icon, interactive: false, keyboard: false }).addTo(lines);
    };
    for (let k = Math.ceil(west / step); k * step <= east; k++) {
      add([[south, k * step], [north, k * step]], [north, k * step], k * step, [-4, -2]);
    }
    for (let k = Math.ceil(south / step); k * step <= north; k++) {
      add([[k * step, west], [k * step, east]], [k * step, east], k * step, [44, 18]);
    }
  }

  map.on("movestart", () => (whole = fitting));
  map.on("resize", () => whole && showWhole());
  map.on("moveend resize", graticule);
  showWhole();
  openHash();
})();
