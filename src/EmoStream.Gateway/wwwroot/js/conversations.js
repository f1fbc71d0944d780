// The list of conversations, asked for anew every two seconds while the page is in view.
import { $, h, set, text } from "./dom.js";
import { Unauthorized, listConversations, pause } from "./api.js";

const PERIOD_MS = 2_000;

export class Conversations {
  #list = $("conversations");
  #rows = new Map();
  #current = null;
  #revealed = null;
  latest = null;

  choose(id) {
    this.#current = id;
    for (const [name, row] of this.#rows) set(row.link, "aria-current", name === id ? "page" : null);
    if (this.#revealed !== id && this.#rows.has(id)) {
      this.#revealed = id;
      this.#rows.get(id).link.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  /** Runs until the page goes away. found() is called after every answer. */
  async run(listener) {
    const forever = new AbortController().signal;
    for (;;) {
      try {
        if (document.visibilityState === "visible") {
          this.#draw(await listConversations(forever));
          listener.found();
        }
      } catch (error) {
        if (error instanceof Unauthorized) {
          await listener.unauthorized();
          continue;
        }
      }
      await pause(PERIOD_MS, forever);
    }
  }

  #draw(conversations) {
    set($("conversations-empty"), "hidden", conversations.length > 0);
    this.latest = conversations[0]?.conversationId ?? null;
    const present = new Set(conversations.map((c) => c.conversationId));
    for (const [id, row] of this.#rows) {
      if (!present.has(id)) {
        row.item.remove();
        this.#rows.delete(id);
      }
    }
    conversations.forEach((conversation, i) => {
      const row = this.#row(conversation.conversationId);
      const when = new Date(conversation.lastActivity);
      text(row.when, ago(when));
      text(row.count, conversation.utterances.toLocaleString("en"));
      set(row.count, "aria-label", conversation.utterances === 1 ? "1 utterance" : `${conversation.utterances} utterances`);
      set(row.when, "title", when.toLocaleString());
      if (this.#list.children[i] !== row.item) this.#list.insertBefore(row.item, this.#list.children[i] ?? null);
    });
    this.choose(this.#current);
  }

  #row(id) {
    const known = this.#rows.get(id);
    if (known) return known;
    const when = h("span", { class: "when quiet" });
    const count = h("span", { class: "count", role: "img" });
    const link = h("a", { href: `#${encodeURIComponent(id)}`, "data-conversation": id }, h("span", { class: "name" }, id), count, when);
    const row = { item: h("li", {}, link), link, when, count };
    this.#rows.set(id, row);
    return row;
  }
}

function ago(when) {
  const seconds = Math.max(0, (Date.now() - when.getTime()) / 1000);
  if (seconds < 10) return "now";
  if (seconds < 60) return `${Math.floor(seconds / 10) * 10} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return when.toLocaleDateString();
}
