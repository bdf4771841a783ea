// Files become text. Nothing is sent anywhere by choosing one.
// The limit is what a text field still bears; the service has one of its own.
import { t } from "./text.js";

const MOST_BYTES = 4 * 1024 * 1024;
const HTML = /\.(x?html?)$/i;

/** Why a file was not taken, in words. */
export class Refused extends Error {}

function declared(bytes) {
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, 2048));
  return /<meta[^>]+charset\s*=\s*["']?([\w-]+)/i.exec(head)?.[1];
}

function decode(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return ["utf-16le", new TextDecoder("utf-16le").decode(bytes)];
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return ["utf-16be", new TextDecoder("utf-16be").decode(bytes)];
  try {
    return ["utf-8", new TextDecoder("utf-8", { fatal: true }).decode(bytes)];
  } catch {
    // Older pages say what they are written in; what says nothing is read as Western European.
  }
  for (const label of [declared(bytes), "windows-1252"]) {
    try {
      if (label && !/^utf-?8$/i.test(label)) return [label.toLowerCase(), new TextDecoder(label).decode(bytes)];
    } catch {
      // Not an encoding that browsers know.
    }
  }
  return ["utf-8", new TextDecoder().decode(bytes)];
}

/**
 * The text of a file.
 * @returns {Promise<{text: string, html: boolean, encoding: string}>}
 * @throws {Refused} it is too large, no text, or cannot be read
 */
export async function readFile(file) {
  const name = file.name;
  if (file.size > MOST_BYTES) throw new Refused(t("file_large", { name, limit: `${MOST_BYTES / 1024 / 1024} MB` }));
  let bytes;
  try {
    bytes = new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Refused(t("file_broken", { name }));
  }
  const [encoding, text] = decode(bytes);
  if (text.includes("\0")) throw new Refused(t("file_binary", { name }));
  return { text, html: HTML.test(name) || file.type === "text/html", encoding };
}
