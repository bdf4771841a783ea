// What screen readers are told while the focus is elsewhere, and copying.
import { el, icon, part } from "./dom.js";
import { t } from "./text.js";

/** Say something politely. The same words twice are said twice. */
export function say(words) {
  const status = part("status");
  status.textContent = "";
  requestAnimationFrame(() => {
    status.textContent = words;
  });
}

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS browsers have no clipboard for scripts, only the old way.
  const helper = el("textarea", { class: "vh", readonly: true, "aria-hidden": "true" });
  helper.value = text;
  document.body.append(helper);
  helper.select();
  const done = document.execCommand("copy");
  helper.remove();
  if (!done) throw new Error("not allowed");
  return undefined;
}

/** A button that copies a text; its name says which. */
export function copyButton(name, text) {
  const words = el("span", {}, t("copy"));
  const button = el("button", { type: "button", class: "plain copy", "aria-label": name }, icon("copy"), words);
  let timer = 0;
  button.addEventListener("click", async () => {
    try {
      await copy(text);
    } catch {
      say(t("copy_failed"));
      button.focus();
      return;
    }
    button.focus();
    say(t("copied"));
    button.replaceChildren(icon("done"), words);
    words.textContent = t("copied");
    clearTimeout(timer);
    timer = setTimeout(() => {
      words.textContent = t("copy");
      button.replaceChildren(icon("copy"), words);
    }, 2000);
  });
  return button;
}
