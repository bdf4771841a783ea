// What this browser remembers of the reader's choices. Articles and keys are never among it.

export function recall(name, otherwise) {
  try {
    const kept = localStorage.getItem(`precis.${name}`);
    return kept === null ? otherwise : JSON.parse(kept);
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`precis.${name}`, JSON.stringify(value));
  } catch {
    // Storage is off or full: the choice holds for this visit.
  }
}
