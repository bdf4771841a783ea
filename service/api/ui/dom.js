// Small helpers around the document. Text only ever goes in as text.

export const part = (id) => document.getElementById(id);

/** An element with properties, `data` attributes, other attributes and children (nodes or text). */
export function el(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "on") for (const [event, call] of Object.entries(value)) node.addEventListener(event, call);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** One of the icons of the page. */
export function icon(name) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  node.append(use);
  return node;
}

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const motion = () => (calm() ? "auto" : "smooth");
