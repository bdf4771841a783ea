// The sheet that an article is put on: typed, pasted, dropped, chosen, or one of the examples.
import { say } from "./announce.js";
import { el, part } from "./dom.js";
import { examples } from "./examples.js";
import { readFile, Refused } from "./files.js";
import { looksLikeHtml } from "./spans.js";
import { number, t } from "./text.js";

const field = () => part("text");
const kinds = () => [...document.querySelectorAll("input[name=kind]")];

/** What is there: `{text}` or `{html}`. */
export function article() {
  const value = field().value;
  // Half a pair of surrogates cannot be sent; it is as long as what replaces it.
  const text = value.toWellFormed ? value.toWellFormed() : value;
  return kinds().find((kind) => kind.checked).value === "html" ? { html: text } : { text };
}

export const isEmpty = () => !field().value.trim();

function count() {
  const { length } = field().value;
  part("count").textContent = length ? t("count", { count: length, n: number(length) }) : "";
}

function setKind(html) {
  for (const kind of kinds()) kind.checked = (kind.value === "html") === html;
}

/** The language of what is there, as far as it is known, so that it is read out and set in its own way. */
export function tell(code) {
  if (code && code !== "und") field().lang = code;
  else field().removeAttribute("lang");
}

/** Put an article there. */
export function put(text, html, language = "") {
  tell(language);
  field().value = text;
  setKind(html);
  count();
  field().scrollTop = 0;
}

async function take(files, told) {
  const [file] = files;
  if (!file) return;
  try {
    const { text, html, encoding } = await readFile(file);
    put(text, html || looksLikeHtml(text));
    const words = [encoding === "utf-8" ? t("file_read", { name: file.name }) : t("file_guessed", { name: file.name, encoding })];
    if (files.length > 1) words.unshift(t("file_many", { name: file.name }));
    told(words.join(". "), false);
    field().focus();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    told(error.message, true);
  }
}

function droppable(told) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const over = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragenter", (event) => carries(event) && (depth++, over(true)));
  addEventListener("dragleave", (event) => carries(event) && --depth <= 0 && over(false));
  addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    depth = 0;
    over(false);
    take(event.dataTransfer.files, told);
  });
}

/** Wire the sheet. `told(words, failed)` hears what became of a file, `changed()` that there is another article. */
export function setUp(told, changed) {
  const news = (words, failed) => {
    told(words, failed);
    if (!failed) changed();
  };
  field().addEventListener("input", count);
  field().addEventListener("paste", () => {
    const before = field().value;
    if (!before.trim()) tell("");
    // The value changes after this event.
    setTimeout(() => {
      const html = looksLikeHtml(field().value);
      if (before.trim() && !html) return;
      if (html !== "html" in article()) {
        setKind(html);
        say(t(html ? "read_as_html" : "read_as_text"));
      }
    });
  });
  part("choose").addEventListener("click", () => part("file").click());
  part("file").addEventListener("change", async (event) => {
    await take(event.target.files, news);
    event.target.value = "";
  });
  droppable(news);
  for (const example of examples) {
    const name = example.name ?? t(example.nameKey);
    const button = el("button", { type: "button", class: "plain", lang: example.lang, data: { example: example.id } }, name);
    button.addEventListener("click", () => {
      put(example.text, !!example.html, example.lang ?? "en");
      changed();
      field().focus();
    });
    part("examples").append(" ", button);
  }
  count();
}
