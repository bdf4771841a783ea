// A text with what is known about its places: sentences, and what is doubtful.
import { el } from "./dom.js";
import { speak } from "./languages.js";
import { cut, lines } from "./spans.js";
import { named, t } from "./text.js";

const BULLET = "- ";

/** What the check of faithfulness found, as spans; `source` is the word for what it was held against. */
export function doubtsOf(faithfulness, source) {
  return (faithfulness?.unsupported ?? []).map((one) => ({
    start: one.start,
    end: one.end,
    doubt: t("not_in", { source, kind: named("kind", one.kind) }),
  }));
}

/** Segments that a guard doubts and that were delivered all the same. */
export function flaggedOf(checks) {
  return checks
    .filter((check) => check.action === "flagged" && check.end > check.start)
    .map((check) => ({ start: check.start, end: check.end, flag: t("doubtful_part", { check: named("check", check.check) }) }));
}

function pieces(text, start, end, spans) {
  let before = new Set();
  return cut(start, end, spans).map((piece) => {
    const words = text.slice(piece.start, piece.end);
    const doubts = piece.spans.filter((span) => span.doubt);
    const flags = piece.spans.filter((span) => span.flag);
    // Said once where a span is cut in two.
    const notes = [...doubts, ...flags].filter((span) => !before.has(span)).map((span) => span.doubt ?? span.flag);
    before = new Set(piece.spans);
    if (!doubts.length && !flags.length) return words;
    const said = notes.length ? el("span", { class: "vh" }, ` (${notes.join("; ")}) `) : null;
    const why = [...doubts, ...flags].map((span) => span.doubt ?? span.flag).join("; ");
    return el("mark", { class: doubts.length ? "doubt" : "flag", title: why }, words, said);
  });
}

/**
 * Paragraphs, or a list where each line is a bullet.
 * @param {string} text
 * @param {object[]} spans doubts and flags
 * @param {object[]} sentences places of sentences, with `index`
 * @param {(index: number, nodes: Node[]) => Node} wrap makes the element of a sentence
 */
export function prose(text, spans, sentences = [], wrap = undefined) {
  const found = lines(text);
  const bullets = found.length > 0 && found.every((line) => text.startsWith(BULLET, line.start));
  const blocks = found.map((line) => {
    const start = bullets ? line.start + BULLET.length : line.start;
    const children = cut(start, line.end, sentences).flatMap((piece) => {
      const inner = pieces(text, piece.start, piece.end, spans);
      return piece.spans.length && wrap ? [wrap(piece.spans[0].index, inner)] : inner;
    });
    return el(bullets ? "li" : "p", {}, ...children);
  });
  return bullets ? [el("ul", {}, ...blocks)] : blocks;
}

/** A list below a text of what was not found, for those who read rather than hover; `language` is that of the text. */
export function doubtList(faithfulness, source, language) {
  const unsupported = faithfulness?.unsupported ?? [];
  if (!unsupported.length) return null;
  const items = unsupported.map((one) =>
    el("li", {}, speak(el("bdi", { class: "what" }, one.text), language), " ", el("span", { class: "tag" }, named("kind", one.kind))),
  );
  return el("div", { class: "doubts" }, el("p", {}, t("doubts_head", { source })), el("ul", {}, ...items));
}
