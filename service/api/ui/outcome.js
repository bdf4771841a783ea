// The summary, its translations, and how they were made.
import { copyButton } from "./announce.js";
import { el, icon, part } from "./dom.js";
import * as languages from "./languages.js";
import { Links } from "./links.js";
import * as original from "./original.js";
import * as plain from "./plain.js";
import { doubtList, doubtsOf, flaggedOf, prose } from "./prose.js";
import { locate } from "./spans.js";
import { list, number, t } from "./text.js";

const note = (words, name = "note") => el("li", {}, icon(name), el("span", {}, words));
const dot = (words) => el("span", {}, words);
const meta = (...words) => el("p", { class: "meta quiet" }, ...words.filter(Boolean).map(dot));

function head(tag, id, words, ...buttons) {
  return el("header", {}, el(tag, { id, tabindex: tag === "h2" ? -1 : null }, words), ...buttons);
}

/** Summary text that is still being written. */
export class Draft {
  #text = "";
  #language = "";
  #node = null;

  language(found) {
    this.#language = found.code;
    this.#found = found;
    this.#paint();
  }

  #found = null;

  delta({ text, reset }) {
    this.#text = reset ? text : this.#text + text;
    this.#paint();
  }

  #paint() {
    if (!this.#node) {
      this.#node = el("div", { class: "prose lead", "aria-busy": "true" });
      part("summary").replaceChildren(head("h2", "summary-head", t("summary")), this.#node, meta());
    }
    languages.speak(this.#node, this.#language);
    this.#node.replaceChildren(...prose(this.#text, []));
    if (this.#found) part("summary").lastChild.replaceChildren(dot(plain.languageWords(this.#found)));
  }
}

/** The finished summary; `links` connects its sentences with the original. */
export function showSummary(summary, language, title, warnings, links) {
  const source = t("source_article");
  const text = el("div", { class: "prose lead" });
  languages.speak(text, summary.language);
  const wrap = (index, nodes) => {
    if (!summary.sentences[index].sources.length || !links) {
      return el("span", { class: "sentence loose", title: links ? t("no_source") : null }, ...nodes);
    }
    const given = { class: "sentence", role: "link", tabindex: 0, "aria-describedby": "go-to-source", data: { n: number(index + 1) } };
    return links.sentence(index, el("span", given, ...nodes));
  };
  text.append(...prose(summary.text, doubtsOf(summary.faithfulness, source), locate(summary.text, summary.sentences), wrap));
  const notices = warnings.map((warning) => note(plain.warningWords(warning)));
  part("summary").replaceChildren(
    head("h2", "summary-head", t("summary"), copyButton(t("copy_summary"), summary.text)),
    el("p", { id: "go-to-source", class: "vh" }, t("jump_to_source")),
    ...(title && summary.format !== "headline" ? [languages.speak(el("p", { class: "kicker" }, title), language.code)] : []),
    text,
    meta(language && plain.languageWords(language), ...plain.summaryWords(summary)),
    ...[doubtList(summary.faithfulness, source, summary.language)].filter(Boolean),
    ...(notices.length ? [el("ul", { class: "notices" }, ...notices)] : []),
  );
}

function failed(one, from) {
  return [
    head("h3", null, languages.name(one.language)),
    el("ul", { class: "notices" }, ...plain.failureWords(one, from).map((words, at) => note(words, at ? "note" : "doubt"))),
  ];
}

function translated(one) {
  const source = t("source_summary");
  const name = languages.name(one.language);
  const text = languages.speak(el("div", { class: "prose" }), one.language);
  text.append(...prose(one.text, [...doubtsOf(one.faithfulness, source), ...flaggedOf(one.checks)]));
  const native = languages.native(one.language);
  const title = head("h3", null, name, copyButton(t("copy_translation", { language: name }), one.text));
  if (native && native !== name) title.firstChild.append(" ", languages.speak(el("span", { class: "native quiet" }, native), one.language));
  return [
    title,
    text,
    meta(plain.qualityWords(one.quality), ...plain.checkWords(one.checks)),
    ...[doubtList(one.faithfulness, source, one.language)].filter(Boolean),
  ];
}

/** Room for translations that are on their way. */
export function awaitTranslations(codes) {
  const section = part("translations");
  section.hidden = !codes.length;
  const cards = codes.map((code) =>
    el("article", { class: "card", "aria-busy": "true" }, head("h3", null, languages.name(code)), el("p", { class: "quiet" }, t("waiting_translation"))),
  );
  section.replaceChildren(head("h2", "translations-head", t("translations")), el("div", { class: "cards" }, ...cards));
}

/** Put a translation into its place. */
export function showTranslation(index, one, from) {
  const card = part("translations").querySelector(".cards")?.children[index];
  if (!card) return;
  card.removeAttribute("aria-busy");
  card.replaceChildren(...(one.status === "ok" ? translated(one) : failed(one, from)));
}

function about(reply) {
  const rows = [];
  const row = (term, ...words) => words.length && rows.push(el("div", {}, el("dt", {}, term), el("dd", {}, ...words.map((one) => el("p", {}, one)))));
  const { summary } = reply;
  row(t("about_language"), plain.languageWords(reply.language));
  row(t("about_summary"), ...plain.summaryWords(summary));
  row(t("about_facts"), plain.verdictWords(summary.faithfulness, t("source_article")));
  row(t("about_checks"), ...plain.checkWords(summary.checks));
  for (const one of reply.translations.filter((each) => each.status === "ok")) {
    const words = [t("translated_by", { route: plain.routeWords(one.route), engine: one.engine })];
    if (one.faithfulness) words.push(plain.verdictWords(one.faithfulness, t("source_summary")));
    row(t("about_translations", { language: languages.name(one.language) }), ...words, ...plain.checkWords(one.checks));
  }
  row(t("about_read"), plain.coverageWords(reply.coverage));
  row(t("about_time"), plain.timeWords(reply.timing_ms));
  const models = reply.provenance.models.map(({ id, revision }) => (revision.length < 20 ? `${id} ${revision}` : id));
  row(t("about_models"), `${list(models)}; ${t("version", { version: reply.provenance.service_version })}`);
  row(t("about_id"), reply.id);
  part("about").replaceChildren(el("summary", {}, t("about")), el("dl", {}, ...rows));
}

/** Everything, once it is all there. `text` is what the offsets count in. */
export function show(text, reply) {
  const links = new Links();
  showSummary(reply.summary, reply.language, reply.title, reply.warnings, links);
  awaitTranslations(reply.translations.map((one) => one.language));
  reply.translations.forEach((one, index) => showTranslation(index, one, reply.summary.language));
  about(reply);
  part("about").hidden = false;
  original.show(part("original-body"), text, reply, links);
  part("original").hidden = false;
}

/** The news in a sentence or three, for those who cannot see it appear. */
export function news(reply) {
  const { sentences, faithfulness } = reply.summary;
  const words = [t("done", { count: sentences.length, n: number(sentences.length) })];
  const made = reply.translations.filter((one) => one.status === "ok");
  if (made.length) words.push(t("done_translations", { count: made.length, n: number(made.length) }));
  const doubts = [faithfulness, ...made.map((one) => one.faithfulness)].reduce((sum, one) => sum + (one?.unsupported.length ?? 0), 0);
  if (doubts) words.push(t("done_doubts", { count: doubts, n: number(doubts) }));
  return words.join(" ");
}
