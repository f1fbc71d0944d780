// The probability river: every label's probability over the utterances, stacked to 1.
import { s, set } from "./dom.js";
import { patternUrl } from "./patterns.js";

export class River {
  #group = s("g", { class: "river" });
  #areas = new Map();
  #palette;

  constructor(parent, palette) {
    this.#palette = palette;
    this.#group.append(s("rect", { class: "river-bed", x: 0 }));
    parent.append(this.#group);
  }

  render(items, geometry, width) {
    const bed = this.#group.firstElementChild;
    set(bed, "y", geometry.riverTop);
    set(bed, "width", width);
    set(bed, "height", geometry.riverHeight);

    const scored = items.filter(({ entry }) => entry.label && entry.status !== "retracted").sort((a, b) => a.cx - b.cx);
    const labels = this.#palette.labels;
    const top = geometry.riverTop;
    const height = geometry.riverHeight;
    // Upper edge of every label, from the river's bottom upwards: the first label of the palette lies on top.
    let below = scored.map(() => top + height);
    for (const label of [...labels].reverse()) {
      const above = scored.map(({ entry }, i) => below[i] - (entry.probabilities[label] ?? 0) * height);
      this.#draw(label, path(scored, above, below));
      below = above;
    }
  }

  /** Dims all labels but one; null shows all alike. */
  emphasise(label) {
    for (const [name, area] of this.#areas) area.classList.toggle("dimmed", label !== null && name !== label);
  }

  #draw(label, d) {
    let area = this.#areas.get(label);
    if (!area) {
      const look = this.#palette.look(label);
      area = s("g", { class: "river-area", "data-label": label },
        s("path", { fill: look.colour }),
        s("path", { fill: patternUrl(look.pattern), class: "river-pattern" }));
      this.#areas.set(label, area);
      this.#group.append(area);
    }
    set(area.children[0], "d", d);
    set(area.children[1], "d", d);
  }
}

/** Curves that leave and reach every point horizontally: stacked layers cannot cross, and no value between is overshot. */
function path(items, above, below) {
  if (items.length === 0) return null;
  const first = items[0].x;
  const last = items[items.length - 1].x + items[items.length - 1].w;
  const f = (n) => n.toFixed(1);
  let d = `M${f(first)} ${f(above[0])}`;
  const forth = (from, to) => {
    const middle = f((items[from].cx + items[to].cx) / 2);
    return [middle, f(items[to].cx)];
  };
  d += `L${f(items[0].cx)} ${f(above[0])}`;
  for (let i = 1; i < items.length; i++) {
    const [middle, x] = forth(i - 1, i);
    d += `C${middle} ${f(above[i - 1])} ${middle} ${f(above[i])} ${x} ${f(above[i])}`;
  }
  const end = items.length - 1;
  d += `L${f(last)} ${f(above[end])}L${f(last)} ${f(below[end])}L${f(items[end].cx)} ${f(below[end])}`;
  for (let i = end - 1; i >= 0; i--) {
    const [middle, x] = forth(i + 1, i);
    d += `C${middle} ${f(below[i + 1])} ${middle} ${f(below[i])} ${x} ${f(below[i])}`;
  }
  return `${d}L${f(first)} ${f(below[0])}Z`;
}
