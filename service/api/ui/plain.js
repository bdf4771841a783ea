// What a reply says about itself, in plain words.
import * as languages from "./languages.js";
import { list, named, number, percent, t } from "./text.js";

/** The language of the article and how sure that is. */
export function languageWords({ code, confidence, detected }) {
  if (code === "und") return t("detected_not");
  const language = languages.name(code);
  return detected ? t("detected", { language, percent: percent(confidence) }) : t("told", { language });
}

export const engineWords = (engine) => t(`engine_${engine}`) ?? t("engine_other", { engine });

/** Who made a summary, by which way, and what was simpler than usual. */
export function summaryWords(summary) {
  const words = [summary.degraded ? t(`degraded_${summary.degraded}`) ?? t("degraded_other", { what: summary.degraded }) : engineWords(summary.engine)];
  if (summary.route.length > 1) words.push(routeWords(summary.route));
  return words;
}

/** The languages passed through. */
export function routeWords(route) {
  const names = route.map(languages.name);
  const ends = t("route", { from: names[0], to: names.at(-1) });
  if (names.length < 3) return ends;
  return `${ends}, ${t("route_by_way", { languages: list(names.slice(1, -1)) })}`;
}

export const qualityWords = (quality) => t(`quality_${quality}`) ?? quality;

/** Second looks that were taken on the way. */
export const checkWords = (checks) => [
  ...new Set(checks.map((one) => named("action", one.action, { check: named("check", one.check) }))),
];

/** What the check of faithfulness came to. */
export function verdictWords(faithfulness, source) {
  if (!faithfulness) return t("verdict_off");
  const { verdict, checked, unsupported } = faithfulness;
  if (verdict === "unchecked" || (verdict === "supported" && !checked.length)) return t("verdict_unchecked");
  if (verdict === "supported") return t("verdict_supported", { source, checked: list(checked.map((one) => named("checked", one))) });
  return t("verdict_unsupported", { source, count: unsupported.length, n: number(unsupported.length) });
}

export const warningWords = ({ code, detail }) => t(`warn_${code}`) ?? detail;

/** How much of the article was read. */
export function coverageWords({ input_characters: all, used_characters: used, chunks, truncated }) {
  const words = [used < all ? t("read_all", { used: number(used), all: number(all) }) : t("read_whole", { all: number(all) })];
  if (chunks > 1) words.push(t("read_chunks", { count: chunks, n: number(chunks) }));
  if (truncated) words.push(t("read_truncated"));
  return words.join(", ");
}

const ms = (value) => t("milliseconds", { n: number(Math.round(value)) });

export const timeWords = ({ total, queue, model }) => t("time", { total: ms(total), queue: ms(queue), model: ms(model) });

/** Why a translation failed, and what would be possible. */
export function failureWords({ language, error }, from) {
  const words = [t(`failed_${error.code}`, { from: languages.name(from), to: languages.name(language) }) ?? error.detail];
  if (error.supported?.length) words.push(t("problem_supported", { languages: list(error.supported.map(languages.name)) }));
  return words;
}
