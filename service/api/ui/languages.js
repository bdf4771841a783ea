// The service's table of languages: names, directions, and what is translated into what.
import { read } from "./api.js";
import { uiLanguage } from "./text.js";

let table = new Map();
const ours = new Intl.DisplayNames([uiLanguage], { type: "language", fallback: "none" });

/** Ask the service. Until then, and where it does not answer, the browser's own knowledge has to do. */
export async function load() {
  const reply = await read("v1/languages");
  table = new Map(reply.languages.map((entry) => [entry.code, entry]));
}

export const all = () => [...table.values()].sort((a, b) => name(a.code).localeCompare(name(b.code), uiLanguage));

/** The name of a language in the language of the page. */
export function name(code) {
  const entry = table.get(code);
  if (entry && uiLanguage === "en") return entry.name;
  try {
    return ours.of(code) ?? entry?.name ?? code;
  } catch {
    return entry?.name ?? code;
  }
}

export const native = (code) => table.get(code)?.native ?? "";

/** `rtl` or `ltr`; undefined for a language that nobody knows. */
export function direction(code) {
  const entry = table.get(code);
  if (entry) return entry.direction;
  return /^(ar|ckb|dv|fa|he|ps|sd|ug|ur|yi)\b/.test(code) ? "rtl" : undefined;
}

/** Codes of all languages that anything is translated into, by name. */
export function reachable() {
  const found = new Set();
  for (const entry of table.values()) for (const target of entry.targets) found.add(target.code);
  return [...found].sort((a, b) => name(a).localeCompare(name(b), uiLanguage));
}

/** Whether one language is translated into another. */
export const translates = (from, to) => !!table.get(from)?.targets.some((target) => target.code === to);

/** Say of an element in which language its text is. */
export function speak(node, code) {
  if (code && code !== "und") node.lang = code;
  node.dir = direction(code) ?? "auto";
  return node;
}
