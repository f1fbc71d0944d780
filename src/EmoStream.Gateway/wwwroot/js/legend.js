// What colours, letters and signs mean. Choosing a label brings it out in the river.
import { $, h, s, set } from "./dom.js";
import { MODALITY_ORDER, modality } from "./palette.js";
import { swatch } from "./patterns.js";

export function drawLabels(palette, emphasise) {
  let chosen = null;
  const list = $("legend");
  const items = palette.labels.map((label) => {
    const look = palette.look(label);
    const button = h("button", { type: "button", class: "legend-label", "aria-pressed": "false", "data-label": label, title: `Bring out ${label} in the river` },
      swatch(look.colour, look.pattern, look.code, look.ink), label);
    button.addEventListener("click", () => {
      chosen = chosen === label ? null : label;
      for (const other of list.querySelectorAll("button")) set(other, "aria-pressed", other.dataset.label === chosen ? "true" : "false");
      emphasise(chosen);
    });
    return h("li", {}, button);
  });
  list.replaceChildren(...items);
}

export function drawSigns() {
  const sign = (node, words) => h("li", {}, node, words);
  const box = (...children) => s("svg", { class: "swatch", viewBox: "0 0 24 16", width: 24, height: 16, "aria-hidden": "true" }, children);
  const fill = (opacity) => s("rect", { x: 1, y: 1, width: 22, height: 14, rx: 3, class: "sign-fill", "fill-opacity": opacity });
  const outline = (name = "") => s("rect", { x: 1, y: 1, width: 22, height: 14, rx: 3, class: `sign-outline ${name}` });
  $("marks-legend").replaceChildren(
    sign(box(fill(0.3), outline()), "less sure"),
    sign(box(fill(1), outline()), "sure"),
    sign(box(fill(0.5), s("rect", { x: 1, y: 1, width: 22, height: 14, rx: 3, fill: "url(#hatch)" }), outline()), "provisional"),
    sign(box(fill(0.5), outline(), s("path", { d: "M14 1h9v9z", class: "mark-revised" })), "revised"),
    sign(box(outline("dashed"), s("path", { d: "M2 2L22 14", class: "mark-cross" })), "retracted"),
    ...MODALITY_ORDER.map((name) => sign(swatch(modality(name).colour, "plain", modality(name).letter, "#10161d"), name)),
    sign(box(s("rect", { x: 1, y: 1, width: 22, height: 14, rx: 3, fill: modality("audio").colour }), s("rect", { x: 1, y: 1, width: 22, height: 14, rx: 3, fill: "url(#hatch)" })), "recovered modality"));
}
