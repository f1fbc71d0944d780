// Patterns that say without colour what colour says: one per label, one for "provisional", one for "recovered".
import { s } from "./dom.js";

const LINES = {
  dots: () => [s("circle", { cx: 4, cy: 4, r: 1.3, class: "pattern-fill" })],
  rings: () => [s("circle", { cx: 5, cy: 5, r: 2.4, class: "pattern-line" })],
  horizontal: () => [s("path", { d: "M0 3H8", class: "pattern-line" })],
  vertical: () => [s("path", { d: "M3 0V8", class: "pattern-line" })],
  diagonal: () => [s("path", { d: "M-1 9L9 -1M-1 1L1 -1M7 9L9 7", class: "pattern-line" })],
  cross: () => [s("path", { d: "M0 0L8 8M8 0L0 8", class: "pattern-line" })],
};

export function patternDefinitions() {
  const patterns = Object.entries(LINES).map(([name, lines]) => {
    const size = name === "rings" ? 10 : 8;
    return s("pattern", { id: `pattern-${name}`, width: size, height: size, patternUnits: "userSpaceOnUse" }, lines());
  });
  return s("defs", {},
    patterns,
    s("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
      s("rect", { width: 2.4, height: 6, class: "hatch-line" })));
}

export const patternUrl = (name) => (name in LINES ? `url(#pattern-${name})` : "none");

/** A swatch for legends: colour, pattern, letters. */
export function swatch(colour, pattern, code, ink) {
  return s("svg", { class: "swatch", viewBox: "0 0 24 16", width: 24, height: 16, "aria-hidden": "true" },
    s("rect", { width: 24, height: 16, rx: 4, fill: colour }),
    s("rect", { width: 24, height: 16, rx: 4, fill: patternUrl(pattern) }),
    s("text", { x: 12, y: 12, "text-anchor": "middle", class: "swatch-code", fill: ink }, code));
}
