// Runs before the first paint, so that a chosen theme does not flash. Not a module: those wait.
"use strict";
(() => {
  try {
    const chosen = JSON.parse(localStorage.getItem("precis.theme"));
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be turned off; then the system decides.
  }
})();
