// Asks the collector over HTTP: the API, and /readyz.

const TOKEN = "arancini-token";
const PAGE_LIMIT = 1000;

/// An answer that is an error. It has the status, what is wrong, and what to do.
export class Refused extends Error {
  constructor(status, detail, remedy) {
    super(detail);
    this.status = status;
    this.remedy = remedy;
  }
}

/// Keeps the token until the tab is closed.
export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

async function fetched(path, signal) {
  const token = sessionStorage.getItem(TOKEN);
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    return await fetch(new URL(path, document.baseURI), { headers, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The collector does not answer.", "Look whether it runs and whether this host reaches its control port.");
  }
}

/// Asks a resource of the API.
export async function ask(path, signal) {
  const response = await fetched(`api/v1/${path}`, signal);
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw new Refused(response.status, answer?.detail ?? `The collector answers with status ${response.status}.`, answer?.remedy ?? "");
}

/// Opens a resource that goes on. Returns its bytes as a stream.
export async function openStream(path, signal) {
  const response = await fetched(`api/v1/${path}`, signal);
  if (response.ok) return response.body;
  const answer = await response.json().catch(() => null);
  throw new Refused(response.status, answer?.detail ?? `The collector answers with status ${response.status}.`, answer?.remedy ?? "");
}

/// Asks for all pages of a list.
export async function askAll(path, member, signal) {
  const entries = [];
  let cursor = "";
  do {
    const page = await ask(`${path}?limit=${PAGE_LIMIT}${cursor}`, signal);
    entries.push(...page[member]);
    cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
  } while (cursor);
  return entries;
}

/// Asks whether updates reach the sink. Status 503 is an answer too: it has the problems.
export async function askReadiness(signal) {
  const response = await fetched("readyz", signal);
  const answer = await response.json().catch(() => null);
  if (answer && "ready" in answer) return answer;
  throw new Refused(response.status, `/readyz answers with status ${response.status}.`, "");
}
