"use strict";
const part = (id) => document.getElementById(id);
const made = (tag, text, kind) => {
  const node = document.createElement(tag);
  node.textContent = text;
  if (kind) node.className = kind;
  return node;
};

function tell(problem) {
  part("problem").textContent = problem;
  part("problem").hidden = !problem;
}

function unsupported(faithfulness, source) {
  return (faithfulness ? faithfulness.unsupported : []).map((one) => `not in the ${source} (${one.kind}): ${one.text}`);
}

function showTranslations(translations) {
  part("translations").replaceChildren(...translations.map((one) => {
    const box = made("div", "", "translation");
    box.append(made("h2", one.language));
    const text = made("p", one.status === "ok" ? one.text : one.error.detail);
    text.dir = "auto";
    if (one.status === "ok") text.lang = one.language;
    box.append(text);
    if (one.status === "ok") {
      const doubts = one.checks.filter((check) => check.action === "flagged").map((check) =>
        `doubtful (${check.check.replace("_", " ")}): ${one.text.slice(check.start, check.end)}`);
      const facts = [one.engine, one.route.join(" → "), one.quality, ...doubts, ...unsupported(one.faithfulness, "summary")];
      box.append(made("p", facts.join(" · "), "quiet"));
    }
    return box;
  }));
}

// Offsets are asked for in UTF-16 units, which is how this language counts.
function showSource(text, reply) {
  const spans = reply.cleaning.removed.map((span) => ({ ...span, tag: "del" }));
  for (const sentence of reply.summary.sentences) {
    for (const span of sentence.sources) spans.push({ ...span, tag: "mark" });
  }
  spans.sort((a, b) => a.start - b.start);
  const nodes = [];
  let at = 0;
  for (const span of spans) {
    if (span.start < at) continue;
    nodes.push(text.slice(at, span.start), made(span.tag, text.slice(span.start, span.end)));
    at = span.end;
  }
  nodes.push(text.slice(at));
  part("marked").replaceChildren(...nodes);
}

function show(text, reply) {
  part("summary").textContent = reply.summary.text;
  part("summary").lang = reply.summary.language;
  const facts = [`${reply.language.code}${reply.language.detected ? " (detected)" : ""}`, reply.summary.engine,
    ...(reply.summary.route.length > 1 ? [reply.summary.route.join(" → ")] : []), `${Math.round(reply.timing_ms.total)} ms`, ...reply.warnings.map((warning) => warning.detail),
    ...unsupported(reply.summary.faithfulness, "article")];
  part("facts").textContent = facts.join(" · ");
  showTranslations(reply.translations);
  showSource(text, reply);
  part("result").hidden = false;
}

part("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.target.querySelector("button");
  const text = part("text").value;
  const request = {
    text,
    length: part("length").value,
    format: part("format").value,
    translate_to: part("targets").value.split(/[\s,]+/).filter(Boolean),
    offsets: "utf16",
  };
  button.disabled = true;
  tell("");
  try {
    const answer = await fetch("v1/summarize", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
    });
    const reply = await answer.json();
    if (answer.ok) show(text, reply);
    else tell(reply.detail);
  } catch {
    tell("The service cannot be reached.");
  } finally {
    button.disabled = false;
  }
});
