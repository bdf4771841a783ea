// The words of the page, and names and numbers as its language writes them.
import { en } from "./strings.en.js";

const tables = { en };
const wished = (navigator.languages || []).map((tag) => tag.split("-")[0]).find((tag) => tag in tables);
export const uiLanguage = wished || "en";
const table = tables[uiLanguage];
const rightToLeft = new Set(["ar", "fa", "he", "ur"]);
const plural = new Intl.PluralRules(uiLanguage);

/** The text of an entry, `{name}` replaced by what is given; `count` chooses between singular and plural. */
export function t(key, given = {}) {
  let entry = table[key] ?? en[key];
  if (entry === undefined) return undefined;
  if (typeof entry === "object") entry = entry[plural.select(given.count)] ?? entry.other;
  return entry.replace(/\{(\w+)\}/g, (whole, name) => (name in given ? String(given[name]) : whole));
}

/** The entry of a family (`rule_` and `footer`), or what the service calls it where a newer service knows more. */
export function named(family, name, given) {
  return t(`${family}_${name}`, given) ?? String(name).replaceAll("_", " ");
}

export const number = (value) => new Intl.NumberFormat(uiLanguage).format(value);
export const percent = (share) =>
  new Intl.NumberFormat(uiLanguage, { style: "percent", maximumFractionDigits: 0 }).format(share);
export const list = (parts) => new Intl.ListFormat(uiLanguage, { type: "conjunction" }).format(parts);

/** Put the words into the page: `data-t` is the text, `data-t-label` the name, `data-t-placeholder` the placeholder. */
export function fill(root) {
  document.documentElement.lang = uiLanguage;
  document.documentElement.dir = rightToLeft.has(uiLanguage) ? "rtl" : "ltr";
  for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
  for (const node of root.querySelectorAll("[data-t-placeholder]")) node.placeholder = t(node.dataset.tPlaceholder);
}
