// Offsets and nothing else: no document here. All places are UTF-16 units, which is how this language counts.

/**
 * Cut [start, end) of a text wherever a span begins or ends.
 * Returns pieces in order, which together are the stretch; each lists the spans that cover it.
 */
export function cut(start, end, spans) {
  const inside = spans.filter((span) => span.start < end && span.end > start && span.start < span.end);
  const edges = new Set([start, end]);
  for (const span of inside) {
    edges.add(Math.max(start, span.start));
    edges.add(Math.min(end, span.end));
  }
  const places = [...edges].sort((a, b) => a - b);
  const opening = [...inside].sort((a, b) => a.start - b.start);
  const pieces = [];
  let open = [];
  let next = 0;
  for (let at = 0; at + 1 < places.length; at += 1) {
    const [from, to] = [places[at], places[at + 1]];
    open = open.filter((span) => span.end > from);
    while (next < opening.length && opening[next].start <= from) open.push(opening[next++]);
    pieces.push({ start: from, end: to, spans: open });
  }
  return pieces;
}

/** The lines of a text that hold more than blanks, as places. */
export function lines(text) {
  const found = [];
  for (let start = 0; start <= text.length; ) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    if (text.slice(start, end).trim()) found.push({ start, end });
    start = end + 1;
  }
  return found;
}

/** For each line the spans that touch it. Spans may be in any order and overlap; one pass over both. */
export function byLine(found, spans) {
  const sorted = [...spans].sort((a, b) => a.start - b.start);
  let open = [];
  let next = 0;
  return found.map((line) => {
    open = open.filter((span) => span.end > line.start);
    for (; next < sorted.length && sorted[next].start < line.end; next += 1) {
      if (sorted[next].end > line.start) open.push(sorted[next]);
    }
    return { ...line, spans: open };
  });
}

/** Where each sentence stands in the text it is part of, in order; one that is not found is left out. */
export function locate(text, sentences) {
  const found = [];
  let from = 0;
  sentences.forEach((sentence, index) => {
    const start = sentence.text ? text.indexOf(sentence.text, from) : -1;
    if (start < 0) return;
    from = start + sentence.text.length;
    found.push({ start, end: from, index });
  });
  return found;
}

/** Sources and removed stretches of a reply as spans of the original. Equal sources of several sentences are one. */
export function marks(reply) {
  const sources = new Map();
  reply.summary.sentences.forEach((sentence, index) => {
    for (const { start, end } of sentence.sources) {
      const key = `${start}-${end}`;
      if (!sources.has(key)) sources.set(key, { start, end, sentences: new Set() });
      sources.get(key).sentences.add(index);
    }
  });
  const removed = reply.cleaning.removed.map(({ start, end, rule }) => ({ start, end, rule }));
  return [...sources.values(), ...removed];
}

const RTL = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const LETTER = /\p{L}/u;

/** The direction of a line where it has no letters of its text's own direction; otherwise undefined. */
export function otherDirection(line, direction) {
  let rtl = 0;
  let ltr = 0;
  for (const letter of line.slice(0, 400)) {
    if (!LETTER.test(letter)) continue;
    if (RTL.test(letter)) rtl += 1;
    else ltr += 1;
  }
  if (direction === "rtl") return ltr && !rtl ? "ltr" : undefined;
  return rtl && !ltr ? "rtl" : undefined;
}

/** Whether what was pasted is the source of a web page. */
export function looksLikeHtml(text) {
  const head = text.slice(0, 4000);
  return (
    /^\s*(<!doctype html|<\?xml|<!--|<(html|head|body|article|main|section|div|header|p|h[1-6]|ul|ol|table|span)[\s>])/i.test(head) &&
    /<\/[a-z][a-z0-9]*\s*>/i.test(text)
  );
}
