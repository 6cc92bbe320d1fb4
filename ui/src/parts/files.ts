/** Files and the clipboard. */

import { client } from "../client.ts";
import type { Changes } from "../state.ts";

/** Save what the portal answers as a file of that name; a link could not carry the bearer token. Raises `Problem`. */
export async function save(path: string, query: Changes, name: string): Promise<void> {
  const content = await client.download(path, query);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Put text on the clipboard; false where the browser refuses. */
export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (error instanceof DOMException || error instanceof TypeError) return false;
    throw error;
  }
}

/** The request of this picture as a command line; the token is left to the reader's environment. */
export function curlOf(path: string, query: Changes): string {
  const address = new URL(client.url(path, query), location.href).href;
  return `curl -H "Authorization: Bearer $METERLINE_PORTAL_TOKEN" '${address.replaceAll("'", "%27")}'`;
}
