// The article as it was sent: what the summary says, and what cleaning left out.
import { el, motion } from "./dom.js";
import * as languages from "./languages.js";
import { byLine, cut, lines, marks, otherDirection } from "./spans.js";
import { list, named, number, t } from "./text.js";

function piece(text, { start, end, spans }, links, again) {
  const words = text.slice(start, end);
  const removed = spans.find((span) => span.rule);
  const sources = spans.filter((span) => span.sentences);
  let node = words;
  if (sources.length) {
    const indices = [...new Set(sources.flatMap((span) => [...span.sentences]))].sort((a, b) => a - b);
    const numbers = indices.map((index) => index + 1);
    // The number stands at the beginning only, also where the sentence goes on in another line.
    const first = !sources.every((span) => again.has(span));
    for (const span of sources) again.add(span);
    const name = t("source_of", { count: indices.length, list: list(numbers.map(number)) });
    node = el("span", {
      class: "source", role: "link", tabindex: first ? 0 : -1, "aria-describedby": "go-to-sentence", title: name,
      data: first ? { n: numbers.map(number).join(" ") } : {},
    }, words);
    links.source(indices, node);
  }
  if (removed) {
    const name = t("removed_hint", { rule: named("rule", removed.rule) });
    node = el("del", { title: name, data: { rule: removed.rule } }, node);
  }
  return node;
}

function body(text, reply, links) {
  const code = reply.language.code;
  const direction = languages.direction(code);
  const again = new Set();
  return byLine(lines(text), marks(reply)).map((line) => {
    const pieces = cut(line.start, line.end, line.spans).map((one) => piece(text, one, links, again));
    const whole = line.spans.length === 1 && line.spans[0].rule && line.spans[0].start <= line.start && line.spans[0].end >= line.end;
    return el("p", { dir: otherDirection(text.slice(line.start, line.end), direction), class: whole ? "gone" : null }, ...pieces);
  });
}

/** A button for each rule that shows what it left out, one after the other. */
function legend(removed, pane) {
  const counts = new Map();
  for (const { rule } of removed) counts.set(rule, (counts.get(rule) ?? 0) + 1);
  return [...counts].map(([rule, count]) => {
    let next = 0;
    const name = named("rule", rule);
    const button = el("button", {
      type: "button", class: "plain rule", "aria-label": t("removed_go", { rule: name, n: number(count) }),
    }, name, " ", el("span", { class: "count" }, number(count)));
    button.addEventListener("click", () => {
      const found = [...pane.querySelectorAll("del")].filter((node) => node.dataset.rule === rule);
      const node = found[next++ % found.length];
      for (const other of pane.querySelectorAll("del.lit")) other.classList.remove("lit");
      node.classList.add("lit");
      const top = pane.scrollTop + node.getBoundingClientRect().top - pane.getBoundingClientRect().top;
      if (pane.scrollHeight > pane.clientHeight + 1) pane.scrollTo({ top: top - pane.clientHeight / 3, behavior: motion() });
      else node.scrollIntoView({ block: "center", behavior: motion() });
    });
    return el("li", {}, button);
  });
}

/** Fill the section with a text as it was sent and the reply about it. */
export function show(section, text, reply, links) {
  const pane = el("div", { class: "pane prose", tabindex: 0, role: "region", "aria-label": t("scroll_region") });
  languages.speak(pane, reply.language.code);
  pane.append(...body(text, reply, links));
  links.within(pane);
  const removed = reply.cleaning.removed;
  const key = el("div", { class: "key quiet" }, el("span", { class: "said" }, t("legend_source")));
  if (removed.length) {
    const hide = el("input", { type: "checkbox", id: "hide-removed" });
    hide.addEventListener("change", () => pane.classList.toggle("bare", hide.checked));
    key.append(
      el("span", {}, el("del", {}, t("legend_removed")), ", ", t("removed_head", { count: removed.length, n: number(removed.length) })),
      el("label", { class: "check" }, hide, " ", t("hide_removed")),
      el("ul", {}, ...legend(removed, pane)),
    );
  }
  section.replaceChildren(el("p", { id: "go-to-sentence", class: "vh" }, t("jump_to_sentence")), key, pane);
}
