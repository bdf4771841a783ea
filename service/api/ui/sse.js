// Events of a stream (HTML standard, server-sent events), read from the body of a reply to a POST.

/** Takes text in any portions, gives `{event, data, id}` for each complete event. */
export class EventParser {
  #rest = "";
  #event = "";
  #data = [];
  #id = "";

  /** The events that this portion completes. */
  push(text) {
    this.#rest += text;
    const done = [];
    for (;;) {
      const found = /\r\n|\n|\r/.exec(this.#rest);
      // A carriage return at the end may be half of a line break.
      if (!found || (found[0] === "\r" && found.index + 1 === this.#rest.length)) return done;
      const line = this.#rest.slice(0, found.index);
      this.#rest = this.#rest.slice(found.index + found[0].length);
      const event = this.#line(line);
      if (event) done.push(event);
    }
  }

  #line(line) {
    if (line === "") {
      const event = this.#data.length
        ? { event: this.#event || "message", data: this.#data.join("\n"), id: this.#id }
        : null;
      this.#event = "";
      this.#data = [];
      return event;
    }
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id") this.#id = value;
    return null;
  }
}

/** The events of a body, as they arrive. */
export async function* events(body) {
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
