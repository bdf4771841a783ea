// What happens when: the article is written, sent, answered, and written anew.
import { say } from "./announce.js";
import { prepare, Problem, summarize } from "./api.js";
import { motion, part } from "./dom.js";
import * as keys from "./key.js";
import * as languages from "./languages.js";
import * as options from "./options.js";
import * as outcome from "./outcome.js";
import * as problem from "./problem.js";
import * as source from "./source.js";
import { remember } from "./store.js";
import * as targets from "./targets.js";
import { fill, number, t } from "./text.js";

let running = null;
let clock = 0;
// The text and the reply that are on show.
let last = null;

function state(name) {
  document.body.dataset.state = name;
  const done = name === "result";
  part("source").hidden = done;
  part("examples").hidden = done;
  part("result").hidden = !done;
  for (const button of document.querySelectorAll("[data-in]")) button.hidden = button.dataset.in !== name;
}

function busy(on) {
  part("progress").hidden = !on;
  part("send").hidden = on;
  part("cancel").hidden = !on;
  part("text").readOnly = on;
  part("result").setAttribute("aria-busy", String(on));
  clearInterval(clock);
  if (!on) return;
  const started = performance.now();
  const tick = () => {
    part("clock").textContent = t("seconds", { n: number(Math.floor((performance.now() - started) / 1000)) });
  };
  tick();
  clock = setInterval(tick, 500);
}

function waiting(seconds) {
  part("send").disabled = seconds > 0;
  part("send").textContent = seconds > 0 ? t("wait", { seconds: number(seconds) }) : t("send");
}

/** Put the focus on a heading, and the heading where what follows it can be read. */
function arrive(head) {
  head.focus({ preventScroll: true });
  const { top } = head.getBoundingClientRect();
  if (top < 0 || top > innerHeight / 3) head.scrollIntoView({ block: "start", behavior: motion() });
}

/** Shows what a stream has told so far. */
function listener(wishes) {
  const draft = new outcome.Draft();
  let found = null;
  let from = "";
  return (event, data) => {
    if (document.body.dataset.state !== "result") state("result");
    if (event === "language") {
      part("original").hidden = part("about").hidden = part("translations").hidden = true;
      found = data.language;
      draft.language(found);
    } else if (event === "summary.delta") draft.delta(data);
    else if (event === "summary") {
      from = data.summary.language;
      outcome.showSummary(data.summary, found, null, [], null);
      outcome.awaitTranslations(wishes.translate_to);
    } else if (event === "translation") outcome.showTranslation(data.index, data.translation, from);
  };
}

async function send() {
  if (running || part("send").disabled) return;
  problem.clear();
  const complaint = options.complaint();
  if (source.isEmpty()) {
    fail({ code: "empty", detail: t("nothing") });
    part("text").focus();
    return;
  }
  if (complaint) {
    fail({ code: "bad_request", detail: complaint, field: "length" });
    part("amount").focus();
    return;
  }
  const article = source.article();
  const wishes = options.wishes();
  const control = new AbortController();
  const before = document.body.dataset.state;
  const shown = before === "result" ? last : null;
  running = control;
  busy(true);
  let told = false;
  const hear = listener(wishes);
  try {
    const reply = await summarize({ ...article, ...wishes }, control.signal, (event, data) => {
      told = true;
      hear(event, data);
    });
    last = [reply.article?.text ?? article.text, reply];
    outcome.show(...last);
    targets.from(reply.language.code);
    source.tell(reply.language.code);
    state("result");
    say(outcome.news(reply));
    arrive(part("summary-head"));
  } catch (error) {
    // What a stream has begun is not kept half.
    if (shown && told) outcome.show(...shown);
    state(before);
    if (error.name === "AbortError") say(t("cancelled"));
    else if (error instanceof Problem) fail(error.body);
    else {
      fail({ code: "broken" });
      console.error(error);
    }
  } finally {
    running = null;
    busy(false);
    if (control.signal.aborted) part("send").focus();
  }
}



function fail(body) {
  problem.show(body, waiting);
  if (body.code === "unauthorized") keys.askForKey();
}

function edit() {
  state("edit");
  part("text").focus();
}

function fresh() {
  running?.abort();
  problem.clear();
  source.put("", false);
  options.forgetLanguage();
  targets.from("");
  last = null;
  edit();
  say(t("cleared"));
}

async function loadLanguages() {
  try {
    await languages.load();
    options.fillLanguages();
    prepare();
  } catch (error) {
    if (error.code === "unauthorized") part("key-panel").hidden = false;
    else if (error.code === "rate_limited" || error.code === "offline") fail(error.body);
    else if (!(error instanceof Problem)) throw error;
  }
}

function setUpTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const label = () => {
    const words = t(isDark() ? "theme_light" : "theme_dark");
    part("theme").setAttribute("aria-label", words);
    part("theme").title = words;
  };
  part("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
    label();
  });
  system.addEventListener("change", label);
  label();
}

function keyboard(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    send();
  } else if (event.key === "Escape" && running) {
    running.abort();
  }
}

fill(document);
setUpTheme();
options.setUp();
source.setUp(
  (words, failed) => (failed ? fail({ code: "other", detail: words }) : say(words)),
  () => {
    problem.clear();
    options.forgetLanguage();
    if (document.body.dataset.state === "result") state("edit");
  },
);
keys.setUp(() => {
  problem.clear();
  loadLanguages();
});
state("edit");
part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
part("cancel").addEventListener("click", () => running?.abort());
part("edit").addEventListener("click", edit);
part("fresh").addEventListener("click", fresh);
addEventListener("keydown", keyboard);
loadLanguages();
