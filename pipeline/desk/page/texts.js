// The words of the page: all of them stand in texts.json, so that another language is another file.

let words = {};
let plural = null;
let day = null;

export async function readTexts() {
  words = await (await fetch('texts.json')).json();
  plural = new Intl.PluralRules(words.language);
  day = new Intl.DateTimeFormat(words.language === 'en' ? 'en-GB' : words.language,
    {day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC'});
  document.documentElement.lang = words.language;
}

// The text of a key; {name} is replaced by what `values` holds. With `n` among them the plural form is chosen.
export function text(key, values = {}) {
  const numbered = 'n' in values ? `${key}.${plural.select(values.n)}` : key;
  const found = words[numbered] ?? words[key];
  if (found === undefined) throw new Error(`no text ${key}`);
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// A day such as 4 November 2024, from 2024-11-04.
export const dayWords = (iso) => day.format(new Date(`${iso}T00:00:00Z`));

// A number with two significant digits.
export const number = (value, digits = 2) =>
  new Intl.NumberFormat(words.language === 'en' ? 'en-GB' : words.language, {maximumSignificantDigits: digits})
    .format(value);

export const hectares = (m2) => number(m2 / 10000);
export const percent = (share) => `${Math.round(share * 100)} %`;
