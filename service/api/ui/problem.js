// A failure in plain words, and the countdown where waiting helps.
import { say } from "./announce.js";
import { el, icon, part } from "./dom.js";
import * as languages from "./languages.js";
import { list, number, t } from "./text.js";

// What the fields of a request are called on the page.
const LABELS = {
  text: "article", html: "article", length: "length", format: "format", translate_to: "targets",
  language: "language", faithfulness: "facts",
};
let timer = 0;

function fieldWords(field, detail) {
  const label = LABELS[field.split(/[.[]/)[0]];
  return label ? t("problem_field", { field: t(label), detail }) : detail;
}

/** Take the message away, countdown included. */
export function clear() {
  clearInterval(timer);
  part("problem").hidden = true;
  part("problem").replaceChildren();
}

/** Say what went wrong. `waiting` is called with the seconds left as they go by, 0 at the end. */
export function show(body, waiting) {
  clear();
  const known = t(`problem_${body.code}`) !== undefined;
  const title = known ? t(`problem_${body.code}`) : body.title ?? t("problem_other");
  const detail = body.detail ?? t(`problem_${body.code}_detail`);
  const errors = (body.errors ?? []).map((one) => fieldWords(one.field, one.detail));
  if (!errors.length && detail) errors.push(body.field ? fieldWords(body.field, detail) : detail);
  const parts = [el("p", { class: "title" }, icon("doubt"), el("strong", {}, title)), ...errors.map((words) => el("p", {}, words))];
  if (body.supported?.length) parts.push(el("p", {}, t("problem_supported", { languages: list(body.supported.map(languages.name)) })));
  const seconds = Math.min(Math.ceil(body.retry_after_s ?? 0), 24 * 3600);
  if (seconds > 0) parts.push(el("p", { id: "wait" }, t("problem_wait", { n: number(seconds) })));
  if (body.request_id) parts.push(el("p", { class: "quiet small" }, t("problem_id", { id: body.request_id })));
  part("problem").replaceChildren(...parts);
  part("problem").hidden = false;
  if (seconds > 0) countDown(seconds, waiting);
}

function countDown(seconds, waiting) {
  const until = performance.now() + seconds * 1000;
  waiting(seconds);
  // The alert was read out with its number; that it changes is for the eye alone.
  const wait = part("wait");
  timer = setInterval(() => {
    const left = Math.ceil((until - performance.now()) / 1000);
    waiting(Math.max(0, left));
    if (left > 0) return;
    clearInterval(timer);
    wait.textContent = t("problem_wait_over");
    say(t("problem_wait_over"));
  }, 250);
}
