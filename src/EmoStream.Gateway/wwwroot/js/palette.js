// Labels and modalities to colour, letters and pattern. Colours: Okabe and Ito's set (labels) and Tol's muted set
// (modalities), both told apart with every common colour vision; letters and patterns say the same without colour.
const KNOWN = {
  joy: { colour: "#E69F00", pattern: "dots", rank: 0 },
  surprise: { colour: "#56B4E9", pattern: "rings", rank: 1 },
  neutral: { colour: "#9AA3AE", pattern: "plain", rank: 2 },
  sadness: { colour: "#0072B2", pattern: "horizontal", rank: 3 },
  fear: { colour: "#CC79A7", pattern: "cross", rank: 4 },
  disgust: { colour: "#009E73", pattern: "vertical", rank: 5 },
  anger: { colour: "#D55E00", pattern: "diagonal", rank: 6 },
};
// For bundles with other labels, in the order they are met.
const SPARE = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#9AA3AE", "#882255", "#44AA99"];
const SPARE_PATTERNS = ["dots", "rings", "vertical", "plain", "horizontal", "diagonal", "cross"];

const MODALITIES = {
  text: { colour: "#6F7BD9", letter: "T" },
  audio: { colour: "#4FB0C6", letter: "A" },
  face: { colour: "#D9B44A", letter: "F" },
  body: { colour: "#B0567F", letter: "B" },
};

export const MODALITY_ORDER = ["text", "audio", "face", "body"];

export function modality(name) {
  return MODALITIES[name] ?? { colour: "#8A8F98", letter: name.slice(0, 1).toUpperCase() };
}

/** The labels of one conversation, in a fixed order from light to heavy so that the river's layers never swap. */
export class Palette {
  #labels = [];
  #looks = new Map();

  get labels() {
    return this.#labels;
  }

  look(label) {
    return this.#looks.get(label) ?? { colour: "#9AA3AE", pattern: "plain", code: "–", ink: "#000" };
  }

  /** True when a label is new and the order has changed. */
  learn(names) {
    const fresh = names.filter((name) => !this.#looks.has(name));
    for (const name of fresh) {
      const known = KNOWN[name.toLowerCase()];
      const at = this.#looks.size;
      const colour = known?.colour ?? SPARE[at % SPARE.length];
      this.#looks.set(name, {
        colour,
        pattern: known?.pattern ?? SPARE_PATTERNS[at % SPARE_PATTERNS.length],
        code: this.#code(name),
        ink: luminance(colour) > 0.3 ? "#10161d" : "#ffffff",
        rank: known?.rank ?? 100 + at,
      });
    }
    if (fresh.length > 0) {
      this.#labels = [...this.#looks.keys()].sort((a, b) => this.#looks.get(a).rank - this.#looks.get(b).rank);
    }
    return fresh.length > 0;
  }

  /** Two letters that no other label has. */
  #code(name) {
    const taken = new Set([...this.#looks.values()].map((look) => look.code));
    for (let second = 1; second < name.length; second++) {
      const code = name[0].toUpperCase() + name[second].toLowerCase();
      if (!taken.has(code)) return code;
    }
    return name.slice(0, 2);
  }
}

function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const c = parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
