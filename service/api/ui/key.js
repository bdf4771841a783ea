// The caller's key: in memory, and in this tab's session storage if the reader says so. Nowhere else.
import { part } from "./dom.js";
import { say } from "./announce.js";
import { t } from "./text.js";

const NAME = "precis.key";
let key = "";

try {
  key = sessionStorage.getItem(NAME) ?? "";
} catch {
  // Without storage a key lasts as long as the page.
}

export const currentKey = () => key;

/** Ask for a key, and move there. */
export function askForKey() {
  part("key-panel").hidden = false;
  part("key").focus();
}

/** Wire the panel; `changed` is called with each new key. */
export function setUp(changed) {
  const take = () => {
    key = part("key").value.trim();
    try {
      if (key && part("key-keep").checked) sessionStorage.setItem(NAME, key);
      else sessionStorage.removeItem(NAME);
    } catch {
      // As above.
    }
    say(t("key_taken"));
    changed();
  };
  part("key-use").addEventListener("click", take);
  part("key-keep").addEventListener("change", take);
  part("key").addEventListener("change", take);
  part("key").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    take();
  });
  if (key) {
    part("key-panel").hidden = false;
    part("key").value = key;
    part("key-keep").checked = true;
  }
}
