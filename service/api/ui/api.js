// The service, as the page calls it.
import { currentKey } from "./key.js";
import { events } from "./sse.js";

const EVENTS = "text/event-stream";

/** A failure in the form of the service's problem replies; those of the page itself have only a code. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.code);
    this.body = body;
    this.code = body.code;
  }
}

async function send(path, init, signal) {
  const headers = { ...init.headers };
  if (currentKey()) headers.Authorization = `Bearer ${currentKey()}`;
  try {
    return await fetch(path, { ...init, headers, signal, credentials: "same-origin", cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ code: "offline" });
  }
}

async function problemOf(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    body = {};
  }
  if (!body || typeof body.code !== "string") {
    // Something between the page and the service has answered.
    body = { code: answer.status === 429 ? "overloaded" : "other", detail: `${answer.status} ${answer.statusText}` };
  }
  const wait = Number(answer.headers.get("Retry-After"));
  if (!body.retry_after_s && wait > 0) body.retry_after_s = wait;
  return new Problem(body);
}

/** GET of JSON. */
export async function read(path, signal) {
  const answer = await send(path, { headers: { Accept: "application/json" } }, signal);
  if (!answer.ok) throw await problemOf(answer);
  return answer.json();
}

let streams = null;

/** Whether the service streams summaries, by its own description; looked up once. */
function offersStream() {
  streams ??= read("openapi.json").then(
    (document) => EVENTS in (document.paths?.["/v1/summarize"]?.post?.responses?.["200"]?.content ?? {}),
    () => {
      streams = null;
      return false;
    },
  );
  return streams;
}

/** Find out what the service offers before it is needed. */
export const prepare = () => offersStream();

/**
 * Summarize.
 * @param {object} request body of the request
 * @param {AbortSignal} signal ends it
 * @param {(event: string, data: object) => void} told hears of what is there already, where the service streams
 * @returns the whole reply
 */
export async function summarize(request, signal, told) {
  const init = { method: "POST", body: JSON.stringify(request) };
  const ask = (accept) => send("v1/summarize", { ...init, headers: { "Content-Type": "application/json", Accept: accept } }, signal);
  const streaming = await offersStream();
  let answer = await ask(streaming ? `${EVENTS}, application/json` : "application/json");
  // Something on the way may not let streams through.
  if (streaming && (answer.status === 400 || answer.status === 406)) {
    answer = await ask("application/json");
    if (answer.ok) streams = Promise.resolve(false);
  }
  if (!answer.ok) throw await problemOf(answer);
  const type = answer.headers.get("Content-Type") ?? "";
  try {
    return type.startsWith(EVENTS) ? await follow(answer.body, told) : await answer.json();
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Problem) throw error;
    throw new Problem({ code: "broken" });
  }
}

async function follow(body, told) {
  for await (const { event, data } of events(body)) {
    const content = JSON.parse(data);
    if (event === "result") return content.result;
    if (event === "error") throw new Problem(content.error);
    told(event, content);
  }
  throw new Problem({ code: "broken" });
}
