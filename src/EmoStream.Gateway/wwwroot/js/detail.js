// Everything the entry says about one utterance.
import { $, h, style } from "./dom.js";
import { swatch } from "./patterns.js";
import { modality } from "./palette.js";
import { clock, percent, said } from "./store.js";
import { weighted } from "./weights.js";

export class Detail {
  #root = $("detail");
  #heading = $("detail-heading");
  #store;
  #palette;
  #state;
  #shown = "";

  constructor(store, palette, state) {
    this.#store = store;
    this.#palette = palette;
    this.#state = state;
    this.#shown = "";
  }

  /** The selected utterance, or the latest one as long as none is. */
  render() {
    const chosen = this.#state.selected !== null ? this.#store.get(this.#state.selected) : undefined;
    const entry = chosen ?? this.#store.entries.at(-1);
    const key = entry ? `${entry.utteranceId}|${entry.change}|${Boolean(chosen)}` : "none";
    if (key === this.#shown) return;
    this.#shown = key;
    this.#heading.textContent = chosen || !entry ? "Utterance" : "Latest utterance";
    this.#root.replaceChildren(...(entry ? this.#describe(entry) : [h("p", { class: "quiet" }, "Choose an utterance to see all that the model said about it.")]));
  }

  #describe(entry) {
    const retracted = entry.status === "retracted";
    const look = this.#palette.look(entry.label);
    return [
      h("div", { class: "detail-head" },
        h("b", {}, this.#store.speaker(entry.speakerId)?.name ?? entry.utteranceId),
        h("span", { class: "quiet" }, this.#when(entry)),
        h("span", { class: `badge badge-${entry.status}` }, entry.status)),
      h("blockquote", { class: retracted || !entry.text ? "quiet" : "" }, retracted ? "Removed by the source: no text and no scores remain." : said(entry)),
      !retracted && entry.label ? h("p", { class: "verdict" },
        swatch(look.colour, look.pattern, look.code, look.ink), h("b", {}, entry.label), h("span", {}, `confidence ${percent(entry.confidence)}`)) : null,
      !retracted && entry.label ? this.#probabilities(entry) : null,
      !retracted && entry.predictionSet ? h("p", { class: "set" },
        `With ${percent(entry.predictionSet.coverage)} coverage one of: `, h("b", {}, entry.predictionSet.labels.join(", ") || "none")) : null,
      retracted ? null : this.#weights(entry),
      this.#facts(entry),
    ].filter(Boolean);
  }

  #probabilities(entry) {
    const inSet = new Set(entry.predictionSet?.labels ?? []);
    const rows = this.#palette.labels.filter((label) => label in entry.probabilities)
      .sort((a, b) => entry.probabilities[b] - entry.probabilities[a])
      .map((label) => {
        const look = this.#palette.look(label);
        const p = entry.probabilities[label];
        return h("li", { "data-label": label },
          swatch(look.colour, look.pattern, look.code, look.ink),
          h("span", { class: "bar-name" }, label, inSet.has(label) ? h("span", { class: "in-set", title: "in the prediction set" }, " ●") : null),
          h("span", { class: "bar" }, style(h("span", { class: "bar-fill" }), { width: `${Math.max(0.5, p * 100)}%`, background: look.colour })),
          h("span", { class: "bar-value" }, (p * 100).toFixed(1)));
      });
    return h("ul", { class: "bars", "aria-label": "Probabilities in percent" }, rows);
  }

  #weights(entry) {
    const rows = weighted(entry);
    if (rows.length === 0) return null;
    return h("ul", { class: "bars weights-bars", "aria-label": "Modality weights in percent" }, rows.map(([name, weight, recovered]) => {
      const { colour, letter } = modality(name);
      return h("li", {},
        swatch(colour, recovered ? "diagonal" : "plain", letter, "#10161d"),
        h("span", { class: "bar-name" }, name, recovered ? h("span", { class: "quiet" }, " recovered") : null),
        h("span", { class: "bar" }, style(h("span", { class: recovered ? "bar-fill recovered" : "bar-fill" }), { width: `${Math.max(0.5, weight * 100)}%`, background: colour })),
        h("span", { class: "bar-value" }, (weight * 100).toFixed(1)));
    }));
  }

  #facts(entry) {
    const latency = entry.latencyMs ?? {};
    const facts = [
      ["Modalities used", (entry.availability ?? []).join(", ") || "none"],
      ["Recovered", (entry.recovered ?? []).join(", ") || "none"],
      ["Policy", entry.policy || "–"],
      ["Model", entry.bundle || "–"],
      ["Latency", `${round(latency.queued)} ms queued, ${round(latency.inference)} ms inference`],
      ["Revision", `${entry.revision} (change ${entry.change})`],
      ["Utterance id", entry.utteranceId],
    ];
    return h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #when(entry) {
    if (typeof entry.startMs !== "number") return `#${this.#store.indexOf(entry) + 1}`;
    const origin = this.#state.origin();
    const length = typeof entry.endMs === "number" ? ` · ${((entry.endMs - entry.startMs) / 1000).toFixed(1)} s` : "";
    return `${clock(entry.startMs - origin)}${length}`;
  }
}

const round = (value) => (typeof value === "number" ? (value < 10 ? value.toFixed(1) : Math.round(value)) : "–");
