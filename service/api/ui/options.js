// What is asked for besides the article. Choices stay for the next visit.
import { el, part } from "./dom.js";
import * as languages from "./languages.js";
import { recall, remember } from "./store.js";
import * as targets from "./targets.js";
import { number, t } from "./text.js";

const CHOICES = {
  length: ["short", "medium", "long", "sentences", "words", "characters"],
  format: ["paragraph", "bullets", "headline"],
  facts: ["flag", "strict", "off"],
};
// The bounds of the API, and what the field begins with.
const AMOUNTS = { sentences: [1000, 3], words: [10000, 50], characters: [100000, 300] };

const value = (id) => part(id).value;

function showAmount() {
  const bound = AMOUNTS[value("length")];
  part("amount").hidden = !bound;
  if (!bound) return;
  part("amount").max = bound[0];
  part("amount").value = recall(`amount.${value("length")}`, bound[1]);
}

/** The wish for a length that makes no sense, in words; null where it does. */
export function complaint() {
  const bound = AMOUNTS[value("length")];
  if (!bound) return null;
  const amount = Number(value("amount"));
  if (Number.isInteger(amount) && amount >= 1 && amount <= bound[0]) return null;
  return t("amount_wrong", { most: number(bound[0]) });
}

/** The part of a request that these fields make. */
export function wishes() {
  const length = value("length");
  const made = {
    length: length in AMOUNTS ? { [length]: Number(value("amount")) } : length,
    format: value("format"),
    faithfulness: value("facts"),
    translate_to: targets.chosen(),
    offsets: "utf16",
  };
  if (value("language") !== "auto") made.language = value("language");
  return made;
}

/** Fill the choice of the article's language, once the service has said what it knows. */
export function fillLanguages() {
  const before = value("language") || "auto";
  const options = languages.all().map(({ code }) => el("option", { value: code }, languages.name(code)));
  part("language").replaceChildren(el("option", { value: "auto" }, t("language_auto")), ...options);
  part("language").value = before;
  targets.fill();
}

/** Every article is of its own language. */
export function forgetLanguage() {
  part("language").value = "auto";
}

/** Wire the fields. */
export function setUp() {
  for (const [id, names] of Object.entries(CHOICES)) {
    part(id).append(...names.map((name) => el("option", { value: name }, t(`${id}_${name}`))));
    const kept = recall(id, names[0]);
    part(id).value = names.includes(kept) ? kept : names[0];
    part(id).addEventListener("change", () => remember(id, value(id)));
  }
  part("length").addEventListener("change", showAmount);
  part("amount").addEventListener("change", () => complaint() === null && remember(`amount.${value("length")}`, Number(value("amount"))));
  showAmount();
  fillLanguages();
  targets.setUp();
}
