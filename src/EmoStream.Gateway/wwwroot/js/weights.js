// Query Adaptive Fusion: how much each modality counted, per utterance; what the joint embedding stood in for is hatched.
import { s, set } from "./dom.js";
import { Keyed } from "./keyed.js";
import { MODALITY_ORDER, modality } from "./palette.js";

export class Weights {
  #group = s("g", { class: "weights" });
  #keyed;
  #geometry;

  constructor(parent) {
    this.#group.append(s("rect", { class: "river-bed", x: 0 }));
    parent.append(this.#group);
    this.#keyed = new Keyed(this.#group, () => s("g", { class: "weight" }), (node, item) => this.#update(node, item));
  }

  render(items, geometry, width) {
    this.#geometry = geometry;
    const bed = this.#group.firstElementChild;
    set(bed, "y", geometry.weightsTop);
    set(bed, "width", width);
    set(bed, "height", geometry.weightsHeight);
    this.#keyed.render(items, ({ entry, x, w }) => `${entry.change}|${x.toFixed(1)}|${w.toFixed(1)}|${geometry.weightsTop}`);
  }

  #update(node, { entry, x, w }) {
    const { weightsTop, weightsHeight } = this.#geometry;
    const wanted = weighted(entry).flatMap(([name, weight, recovered]) => [[name, weight, false], ...(recovered ? [[name, weight, true]] : [])]);
    while (node.childElementCount > wanted.length) node.lastElementChild.remove();
    while (node.childElementCount < wanted.length) node.append(s("rect"));
    set(node, "data-id", entry.utteranceId);
    let bottom = weightsTop + weightsHeight;
    wanted.forEach(([name, weight, hatched], i) => {
      const rect = node.children[i];
      const height = weight * weightsHeight;
      if (!hatched) bottom -= height;
      set(rect, "x", x.toFixed(1));
      set(rect, "y", bottom.toFixed(1));
      set(rect, "width", Math.max(1, w).toFixed(1));
      set(rect, "height", height.toFixed(1));
      set(rect, "fill", hatched ? "url(#hatch)" : modality(name).colour);
      set(rect, "data-modality", name);
      set(rect, "data-recovered", hatched);
    });
  }
}

/** [name, weight, recovered] in fixed order, those that counted. */
export function weighted(entry) {
  const weights = entry.weights ?? {};
  const names = [...MODALITY_ORDER.filter((name) => name in weights), ...Object.keys(weights).filter((name) => !MODALITY_ORDER.includes(name))];
  return names.map((name) => [name, weights[name], (entry.recovered ?? []).includes(name)]);
}
