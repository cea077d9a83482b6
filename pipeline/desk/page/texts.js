// The words of the page: all of them stand in a file per language (pipeline/languages), and come from the server.

let words = {};
let locale = 'en-GB';

export async function readTexts() {
  const found = await (await fetch('texts.json')).json();
  words = found.texts;
  locale = found.language === 'en' ? 'en-GB' : found.language;
  document.documentElement.lang = found.language;
}

// The text of a key; {name} is replaced by what `values` holds. With `n` among them the form is chosen.
export function text(key, values = {}) {
  const found = words[key.replaceAll(' ', '_')];
  if (found === undefined) throw new Error(`no text ${key}`);
  const form = typeof found === 'string' ? found : found[values.n === 1 ? 'one' : 'other'];
  return form.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A day such as 4 November 2024, from 2024-11-04.
export function dayWords(iso) {
  const [year, month, day] = iso.split('-').map(Number);
  return text('dates.day', {day, month: text(`month.${month}`), year});
}

export const monthWords = (iso) =>
  text('dates.month', {month: text(`short_month.${Number(iso.slice(5, 7))}`), year: iso.slice(0, 4)});

// A number with two significant digits.
export const number = (value) => new Intl.NumberFormat(locale, {maximumSignificantDigits: 2}).format(value);

export const hectares = (m2) => number(m2 / 10000);
export const percent = (share) => text('units.percent', {n: Math.round(share * 100)});
