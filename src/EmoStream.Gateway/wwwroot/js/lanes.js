// One lane per speaker, one mark per utterance: colour and letters = label, opacity = confidence.
import { s, set, text } from "./dom.js";
import { Keyed } from "./keyed.js";
import { DARK_INK } from "./palette.js";

export class Lanes {
  #group = s("g", { class: "lanes" });
  #tracks = s("g", { class: "tracks" });
  #marks = s("g", { class: "marks" });
  #keyed;
  #palette;
  #store;
  #geometry;

  constructor(parent, palette, store) {
    this.#palette = palette;
    this.#store = store;
    this.#group.append(this.#tracks, this.#marks);
    parent.append(this.#group);
    this.#keyed = new Keyed(this.#marks, () => this.#create(), (node, item, fresh) => this.#update(node, item, fresh));
  }

  render(items, geometry, width) {
    this.#geometry = geometry;
    this.#drawTracks(geometry, width);
    this.#keyed.render(items, ({ entry, x, w }) => `${entry.change}|${x.toFixed(1)}|${w.toFixed(1)}|${geometry.laneHeight}|${this.#store.speaker(entry.speakerId)?.lane}`);
  }

  #drawTracks(geometry, width) {
    while (this.#tracks.childElementCount < geometry.lanes) this.#tracks.append(s("rect", { class: "track", x: 0 }));
    [...this.#tracks.children].forEach((track, lane) => {
      set(track, "y", geometry.lanesTop + lane * geometry.laneHeight + 1);
      set(track, "height", geometry.laneHeight - 2);
      set(track, "width", width);
    });
  }

  #create() {
    return s("g", { class: "mark" },
      s("rect", { class: "mark-fill", rx: 3 }),
      s("rect", { class: "mark-hatch", rx: 3, fill: "url(#hatch)" }),
      s("rect", { class: "mark-outline", rx: 3 }),
      s("path", { class: "mark-revised" }),
      s("path", { class: "mark-cross" }),
      s("text", { class: "mark-code", "text-anchor": "middle" }));
  }

  #update(node, { entry, x, w }, fresh) {
    const { laneHeight, lanesTop } = this.#geometry;
    const lane = this.#store.speaker(entry.speakerId)?.lane ?? 0;
    const y = lanesTop + lane * laneHeight + 4;
    const height = laneHeight - 8;
    const look = this.#palette.look(entry.label);
    const retracted = entry.status === "retracted";
    set(node, "data-id", entry.utteranceId);
    set(node, "data-status", entry.status);
    set(node, "data-label", entry.label);
    set(node, "data-lane", lane);
    if (fresh) node.classList.add("fresh");

    const [fill, hatch, outline, revised, cross, code] = node.children;
    for (const rect of [fill, hatch, outline]) {
      set(rect, "x", x.toFixed(1));
      set(rect, "y", y);
      set(rect, "width", w.toFixed(1));
      set(rect, "height", height);
    }
    set(fill, "fill", entry.label ? look.colour : "none");
    set(fill, "fill-opacity", entry.label ? (0.25 + 0.75 * entry.confidence).toFixed(2) : 0);
    set(outline, "stroke", entry.label ? look.colour : null);
    set(hatch, "visibility", entry.status === "provisional" ? "visible" : "hidden");
    // The sign of a revision: a notch in the upper right corner, with an edge so that it shows on every colour.
    const notch = Math.min(9, w * 0.8, height * 0.6);
    set(revised, "d", entry.status === "revised" ? `M${(x + w - notch).toFixed(1)} ${y}h${notch.toFixed(1)}v${notch.toFixed(1)}z` : null);
    set(cross, "d", retracted ? `M${x.toFixed(1)} ${y}L${(x + w).toFixed(1)} ${y + height}` : null);
    const room = w >= 19 && height >= 12;
    set(code, "x", (x + w / 2).toFixed(1));
    set(code, "y", y + height / 2 + 4);
    // A faint mark shows mostly the ground, so the page's own ink reads best; a full one needs the ink of its colour.
    const own = entry.confidence > (look.ink === DARK_INK ? 0.62 : 0.85);
    set(code, "class", own ? `mark-code ${look.ink === DARK_INK ? "on-light" : "on-dark"}` : "mark-code");
    text(code, room && !retracted ? (entry.label ? look.code : "–") : "");
  }
}
