// The transcript: blocks of rows; a block out of sight keeps its height and gives up its rows.
import { $, h, set, style } from "./dom.js";
import { clock, percent, said } from "./store.js";
import { swatch } from "./patterns.js";

const BLOCK = 40;
const ROW_GUESS = 50;

export class Transcript {
  #root = $("transcript");
  #blocks = [];
  #store;
  #palette;
  #state;
  #observer;
  #ownScroll = 0;
  #scrolledExtent = "";

  constructor(store, palette, state, listener, signal) {
    this.#store = store;
    this.#palette = palette;
    this.#state = state;
    this.#root.replaceChildren();
    this.#root.scrollTop = 0;
    this.#observer = new IntersectionObserver((changes) => this.#seen(changes), { root: this.#root, rootMargin: "600px 0px" });
    signal.addEventListener("abort", () => this.#observer.disconnect());
    const on = (type, handler) => this.#root.addEventListener(type, handler, { signal });
    const id = (event) => event.target.closest(".row")?.dataset.id ?? null;
    on("pointerover", (event) => listener.hover(id(event)));
    on("pointerleave", () => listener.hover(null));
    on("click", (event) => listener.select(id(event)));
    on("scroll", () => {
      const extent = this.#extent();
      if (extent !== this.#scrolledExtent) {
        // The browser moves what is in view when blocks change their height: nobody has scrolled.
        this.#scrolledExtent = extent;
        if (this.#state.following) this.#toEnd();
      } else if (Math.abs(this.#root.scrollTop - this.#ownScroll) > 2) listener.scrolled(this.#atEnd());
    });
  }

  /** dirty: indexes of changed entries; from: first index whose place has changed. */
  render(dirty, from) {
    const count = Math.ceil(this.#store.entries.length / BLOCK);
    while (this.#blocks.length < count) this.#addBlock();
    const changed = new Set([...dirty].map((index) => Math.floor(index / BLOCK)));
    for (let i = Math.floor(from / BLOCK); i < count; i++) changed.add(i);
    for (const i of changed) if (this.#blocks[i]?.shown) this.#fill(this.#blocks[i]);
    if (this.#state.following) this.#toEnd();
  }

  mark() {
    const { hovered, selected } = this.#state;
    for (const row of this.#root.querySelectorAll(".row")) {
      const id = row.dataset.id;
      row.classList.toggle("hovered", id === hovered);
      set(row, "aria-selected", id === selected ? "true" : "false");
    }
    set(this.#root, "aria-activedescendant", selected === null ? null : rowId(this.#store.get(selected)));
  }

  reveal(id) {
    const entry = this.#store.get(id);
    if (!entry) return;
    const block = this.#blocks[Math.floor(this.#store.indexOf(entry) / BLOCK)];
    if (!block) return;
    if (!block.shown) this.#show(block);
    const row = block.element.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (!row) return;
    // scrollIntoView would scroll the page as well.
    const top = row.offsetTop;
    if (top < this.#root.scrollTop) this.#scrollTo(top - 8);
    else if (top + row.offsetHeight > this.#root.scrollTop + this.#root.clientHeight) this.#scrollTo(top + row.offsetHeight - this.#root.clientHeight + 8);
  }

  #atEnd() {
    return this.#root.scrollTop + this.#root.clientHeight >= this.#root.scrollHeight - 8;
  }

  #toEnd() {
    const last = this.#blocks.at(-1);
    if (last && !last.shown) this.#show(last);
    this.#scrollTo(this.#root.scrollHeight);
  }

  #scrollTo(top) {
    this.#root.scrollTop = top;
    this.#ownScroll = this.#root.scrollTop;
    this.#scrolledExtent = this.#extent();
  }

  #extent() {
    return `${this.#root.scrollHeight}|${this.#root.clientHeight}`;
  }

  #addBlock() {
    const element = h("div", { class: "block", role: "presentation" });
    const block = { index: this.#blocks.length, element, shown: false };
    const rows = Math.min(BLOCK, this.#store.entries.length - block.index * BLOCK);
    style(element, { "min-height": `${ROW_GUESS * rows}px` });
    element.block = block;
    this.#blocks.push(block);
    this.#root.append(element);
    this.#observer.observe(element);
  }

  #seen(changes) {
    for (const change of changes) {
      const block = change.target.block;
      if (change.isIntersecting && !block.shown) this.#show(block);
      else if (!change.isIntersecting && block.shown) this.#hide(block);
    }
    if (this.#state.following) this.#toEnd();
  }

  #show(block) {
    block.shown = true;
    style(block.element, { "min-height": "0" });
    this.#fill(block);
    this.mark();
  }

  #hide(block) {
    block.shown = false;
    style(block.element, { "min-height": `${block.element.offsetHeight}px` });
    block.element.replaceChildren();
  }

  #fill(block) {
    const entries = this.#store.entries.slice(block.index * BLOCK, (block.index + 1) * BLOCK);
    const rows = block.element.children;
    entries.forEach((entry, i) => {
      const signature = `${entry.utteranceId}|${entry.change}|${i}`;
      if (rows[i]?.dataset.signature === signature) return;
      const row = this.#row(entry, block.index * BLOCK + i + 1);
      row.dataset.signature = signature;
      if (rows[i]) rows[i].replaceWith(row);
      else block.element.append(row);
    });
    while (rows.length > entries.length) block.element.lastElementChild.remove();
  }

  #row(entry, number) {
    const look = this.#palette.look(entry.label);
    const speaker = this.#store.speaker(entry.speakerId);
    const when = typeof entry.startMs === "number" ? clock(entry.startMs - this.#state.origin()) : `#${number}`;
    const retracted = entry.status === "retracted";
    return h("div", {
      class: "row", role: "option", id: rowId(entry), "data-id": entry.utteranceId, "data-status": entry.status,
      "aria-selected": entry.utteranceId === this.#state.selected ? "true" : "false",
    },
    h("span", { class: "row-time" }, when),
    h("span", { class: "row-speaker" }, speaker?.name ?? ""),
    h("span", { class: "row-label" },
      entry.label && !retracted ? [swatch(look.colour, look.pattern, look.code, look.ink), h("span", {}, `${entry.label} ${percent(entry.confidence)}`)] : h("span", { class: "quiet" }, retracted ? "" : "not scored"),
      entry.status === "final" ? null : h("span", { class: `badge badge-${entry.status}` }, entry.status)),
    h("p", { class: retracted || !entry.text ? "row-text quiet" : "row-text" }, said(entry)));
  }
}

const rowId = (entry) => (entry ? `row-${entry.sequence}` : null);

export function announcement(store, added) {
  const latest = added.at(-1);
  const speaker = store.speaker(latest.speakerId)?.name ?? "";
  const words = latest.label ? `${latest.label}, ${percent(latest.confidence)}` : "not scored";
  return `${added.length === 1 ? "New utterance" : `${added.length} new utterances. Latest`}: ${speaker}, ${words}`;
}

