// Sentences of the summary and their places in the original: pointing at one lights the other.
import { motion } from "./dom.js";

// Where the pointer was last. When the page moves below a pointer that rests, nobody is pointing at anything.
let rested = "";
const place = (event) => `${event.screenX},${event.screenY}`;
addEventListener("pointermove", (event) => (rested = place(event)), { capture: true, passive: true });

function points(event) {
  if (event.pointerType === "touch" || place(event) === rested) return false;
  rested = place(event);
  return true;
}

/** Elements that belong together, by the number of the summary's sentence. */
export class Links {
  #sentences = new Map();
  #sources = new Map();
  #pane = null;

  /** The element that the original scrolls in. */
  within(pane) {
    this.#pane = pane;
  }

  sentence(index, node) {
    this.#add(this.#sentences, index, node);
    this.#wire(node, [index], "source");
    return node;
  }

  source(indices, node) {
    for (const index of indices) this.#add(this.#sources, index, node);
    this.#wire(node, indices, "sentence");
    return node;
  }

  #add(map, index, node) {
    if (!map.has(index)) map.set(index, []);
    map.get(index).push(node);
  }

  #wire(node, indices, other) {
    const light = (on) => this.#light(indices, on, node);
    node.addEventListener("pointerenter", (event) => {
      if (!points(event)) return;
      light(true);
      if (other === "source") this.#show(indices[0]);
    });
    node.addEventListener("pointerleave", () => node.matches(":focus") || light(false));
    node.addEventListener("focus", () => {
      light(true);
      if (other === "source") this.#show(indices[0]);
    });
    node.addEventListener("blur", () => light(false));
    const go = () => this.#go(other === "source" ? this.#sources : this.#sentences, indices[0], other);
    node.addEventListener("click", () => {
      // Whoever selects text does not want to be taken elsewhere.
      if (String(getSelection()) === "") go();
    });
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      go();
    });
  }

  #light(indices, on) {
    for (const index of indices) {
      for (const map of [this.#sentences, this.#sources]) {
        for (const node of map.get(index) ?? []) node.classList.toggle("lit", on);
      }
    }
  }

  /** Bring the first source into view inside its pane. The page itself stays where it is. */
  #show(index) {
    const node = this.#sources.get(index)?.[0];
    const pane = this.#pane;
    if (!node || !pane || pane.scrollHeight <= pane.clientHeight + 1) return;
    const [inner, outer] = [node.getBoundingClientRect(), pane.getBoundingClientRect()];
    if (inner.top >= outer.top + 8 && inner.bottom <= outer.bottom - 8) return;
    pane.scrollTo({ top: pane.scrollTop + inner.top - outer.top - pane.clientHeight / 3, behavior: motion() });
  }

  #go(map, index, other) {
    const node = map.get(index)?.[0];
    if (!node) return;
    node.focus({ preventScroll: true });
    if (other === "source") this.#show(index);
    const box = node.getBoundingClientRect();
    if (box.top < 0 || box.bottom > innerHeight) node.scrollIntoView({ block: "center", behavior: motion() });
  }
}
