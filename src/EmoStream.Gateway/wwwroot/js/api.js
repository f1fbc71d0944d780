// The gateway, as the page sees it: a list that is asked for again and again, and one conversation that is followed.
import { readEvents } from "./sse.js";

const TOKEN = "emostream.token";
const SILENCE_MS = 45_000;
const LONGEST_PAUSE_MS = 10_000;

export class Unauthorized extends Error {}

export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

async function request(path, { signal, headers = {} } = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch(path, {
    signal,
    cache: "no-store",
    credentials: "omit",
    headers: token ? { ...headers, Authorization: `Bearer ${token}` } : headers,
  });
  if (response.status === 401 || response.status === 403) throw new Unauthorized(String(response.status));
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

export async function listConversations(signal) {
  const response = await request("v1/conversations?limit=100", { signal, headers: { Accept: "application/json" } });
  return (await response.json()).conversations;
}

/**
 * Follows a conversation until the signal aborts. Every change is delivered once, in order, across reconnections.
 * listener: entry(entry), rewound(), state("connecting" | "live" | "offline"), unauthorized() -> promise.
 */
export async function follow(conversation, listener, signal) {
  let last = 0;
  let failures = 0;
  while (!signal.aborted) {
    listener.state(failures === 0 ? "connecting" : "offline");
    const connection = new AbortController();
    const leave = () => connection.abort();
    signal.addEventListener("abort", leave);
    let watchdog = 0;
    const alive = () => {
      clearTimeout(watchdog);
      watchdog = setTimeout(leave, SILENCE_MS);
    };
    try {
      alive();
      const response = await request(`v1/conversations/${encodeURIComponent(conversation)}/follow?after=${last}`, {
        signal: connection.signal,
        headers: { Accept: "text/event-stream" },
      });
      failures = 0;
      listener.state("live");
      for await (const event of readEvents(response.body, alive)) {
        if (event.event === "entry") {
          const entry = JSON.parse(event.data);
          if (entry.change <= last) continue;
          last = entry.change;
          listener.entry(entry);
        } else if (event.event === "rewound") {
          last = 0;
          listener.rewound();
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Unauthorized) {
        listener.state("offline");
        await listener.unauthorized();
        continue;
      }
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener("abort", leave);
      connection.abort();
    }
    if (signal.aborted) return;
    failures++;
    listener.state("offline");
    await pause(Math.min(LONGEST_PAUSE_MS, 250 * 2 ** Math.min(failures, 8)) * (0.5 + Math.random() / 2), signal);
  }
}

/** Ends early when the browser is online again or the page comes back into view. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      window.removeEventListener("online", end);
      document.removeEventListener("visibilitychange", seen);
      resolve();
    };
    const seen = () => document.visibilityState === "visible" && end();
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
    window.addEventListener("online", end);
    document.addEventListener("visibilitychange", seen);
  });
}
