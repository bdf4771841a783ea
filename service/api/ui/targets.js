// Which languages a summary is translated into: chips of the chosen ones, and a list with a filter.
import { el, icon, part } from "./dom.js";
import * as languages from "./languages.js";
import { recall, remember } from "./store.js";
import { t } from "./text.js";

const kept = recall("targets", []);
let wanted = Array.isArray(kept) ? kept.filter((code) => typeof code === "string") : [];
let source = "";

/** The chosen languages that the service can reach from somewhere, in order of choice. */
export function chosen() {
  const there = new Set(languages.reachable());
  return wanted.filter((code) => there.has(code));
}

function choose(code, on) {
  wanted = wanted.filter((one) => one !== code);
  if (on) wanted.push(code);
  remember("targets", wanted);
  showChips();
}

function showChips() {
  const chips = chosen().map((code) => {
    const name = languages.name(code);
    const remove = el("button", { type: "button", class: "plain", "aria-label": t("targets_remove", { language: name }) }, icon("close"));
    remove.addEventListener("click", () => {
      choose(code, false);
      fill();
      part("pick").focus();
    });
    return el("li", { class: "chip" }, el("span", {}, name), remove);
  });
  part("chips").replaceChildren(...chips);
  part("pick").replaceChildren(t(chips.length ? "targets_more" : "targets_none"), icon("down"));
}

/** Make the list anew: the service's languages, chosen ones checked. */
export function fill() {
  const on = new Set(chosen());
  const items = languages.reachable().map((code) => {
    const box = el("input", { type: "checkbox", value: code });
    box.checked = on.has(code);
    box.addEventListener("change", () => choose(code, box.checked));
    const native = languages.native(code);
    const names = [el("span", {}, languages.name(code))];
    if (native && native !== languages.name(code)) names.push(" ", languages.speak(el("span", { class: "native quiet" }, native), code));
    if (source && code !== source && !languages.translates(source, code)) {
      names.push(" ", el("span", { class: "quiet small" }, t("unreachable", { language: languages.name(source) })));
    }
    const item = el("li", {}, el("label", {}, box, " ", ...names));
    item.dataset.find = [languages.name(code), native, code].join(" ").toLocaleLowerCase();
    return item;
  });
  part("choices").replaceChildren(...items);
  filter();
  showChips();
}

/** From which language the next translations will be, as far as is known. */
export function from(code) {
  source = code === "und" ? "" : code;
  fill();
}

function filter() {
  const looked = part("filter").value.trim().toLocaleLowerCase();
  let shown = 0;
  for (const item of part("choices").children) {
    item.hidden = !item.dataset.find.includes(looked);
    if (!item.hidden) shown += 1;
  }
  part("no-choice").hidden = shown > 0;
  part("no-choice").textContent = t(part("choices").children.length ? "no_choice" : "no_targets");
}

function open(on) {
  part("picker").hidden = !on;
  part("pick").setAttribute("aria-expanded", String(on));
  if (!on) return;
  part("filter").value = "";
  filter();
  part("filter").focus();
}

/** Wire the list. */
export function setUp() {
  const [pick, picker] = [part("pick"), part("picker")];
  pick.addEventListener("click", () => open(picker.hidden));
  part("filter").addEventListener("input", filter);
  part("filter").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const only = [...part("choices").children].filter((item) => !item.hidden);
    if (only.length === 1) only[0].querySelector("input").click();
  });
  const field = picker.closest(".field");
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || picker.hidden) return;
    event.stopPropagation();
    open(false);
    pick.focus();
  });
  field.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !field.contains(event.relatedTarget)) open(false);
  });
  document.addEventListener("pointerdown", (event) => {
    if (!picker.hidden && !field.contains(event.target)) open(false);
  });
  fill();
}
