// Ticks: clock time, or the number of the utterance where the source has no clock.
import { s, set, text } from "./dom.js";
import { clock } from "./store.js";

const STEPS_MS = [1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000];
const APART = 78;

export class Axis {
  #group = s("g", { class: "axis" });

  constructor(parent) {
    parent.append(this.#group);
  }

  render(layout, left, right, geometry) {
    const ticks = layout.items.length === 0 ? [] : layout.byTime ? timeTicks(layout, left, right) : sequenceTicks(layout, left, right);
    while (this.#group.childElementCount > ticks.length) this.#group.lastElementChild.remove();
    while (this.#group.childElementCount < ticks.length) this.#group.append(s("g", {}, s("path"), s("text")));
    ticks.forEach(([x, label], i) => {
      const [line, words] = this.#group.children[i].children;
      set(line, "d", `M${x.toFixed(1)} ${geometry.axisHeight - 4}V${geometry.height}`);
      set(words, "x", (x + 4).toFixed(1));
      set(words, "y", geometry.axisHeight - 7);
      text(words, label);
    });
  }
}

function timeTicks(layout, left, right) {
  const edge = layout.items[0].x;
  const step = STEPS_MS.find((candidate) => candidate * layout.scale >= APART) ?? STEPS_MS.at(-1);
  const ticks = [];
  for (let i = Math.max(0, Math.floor((left - edge) / layout.scale / step)); ; i++) {
    const x = edge + i * step * layout.scale;
    if (x > Math.min(right, layout.width)) return ticks;
    ticks.push([x, clock(i * step)]);
  }
}

function sequenceTicks(layout, left, right) {
  const step = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000].find((candidate) => candidate * layout.scale >= APART) ?? 10_000;
  const ticks = [];
  for (let i = 0; i < layout.items.length; i += step) {
    const x = layout.items[i].x;
    if (x >= left - APART && x <= right) ticks.push([x, `#${i + 1}`]);
  }
  return ticks;
}
