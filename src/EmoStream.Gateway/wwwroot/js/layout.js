// Where each utterance lies on the horizontal axis, in pixels from the conversation's start.

const NARROWEST = 7;   // px an utterance keeps when everything is squeezed in
const WIDEST = 44;     // px an utterance gets at most when few are to be fitted
const EDGE = 14;

export class Layout {
  items = [];
  width = 0;
  byTime = false;
  /** Whether every utterance has a start. */
  timed = false;
  origin = 0;
  scale = 1;

  /** zoom: null fits everything (down to NARROWEST), else a factor on that. */
  update(entries, viewport, zoom, preferTime) {
    const placed = entries.filter((entry) => entry.status !== "retracted");
    this.timed = placed.length > 0 && placed.every((entry) => typeof entry.startMs === "number");
    this.byTime = this.timed && preferTime;
    const room = Math.max(80, viewport - 2 * EDGE);
    this.items = this.byTime ? this.#time(entries, room, zoom ?? 1) : this.#sequence(entries, room, zoom ?? 1);
    const last = this.items.reduce((right, item) => Math.max(right, item.x + item.w), 0);
    this.width = Math.max(viewport, Math.ceil(last + EDGE));
    return this;
  }

  #sequence(entries, room, zoom) {
    const slot = clamp(room / Math.max(1, entries.length), NARROWEST, WIDEST) * zoom;
    this.scale = slot;
    return entries.map((entry, index) => item(entry, EDGE + index * slot, slot * 0.86));
  }

  #time(entries, room, zoom) {
    // Not the spread of the whole array: Math.min(...) overflows the stack on long ones.
    let start = Infinity;
    let end = -Infinity;
    let spoken = 0;
    for (const entry of entries) {
      if (typeof entry.startMs !== "number") continue;
      const stop = entry.endMs ?? entry.startMs + 1000;
      start = Math.min(start, entry.startMs);
      end = Math.max(end, stop);
      spoken += stop - entry.startMs;
    }
    const mean = Math.max(200, spoken / Math.max(1, entries.length));
    const span = Math.max(1000, end - start);
    const scale = clamp(room / span, NARROWEST / mean, WIDEST / mean) * zoom;
    this.origin = start;
    this.scale = scale;
    let previous = EDGE;
    const items = entries.map((entry) => {
      const at = typeof entry.startMs === "number" ? EDGE + (entry.startMs - start) * scale : previous;
      const length = typeof entry.startMs === "number" ? ((entry.endMs ?? entry.startMs + 1000) - entry.startMs) * scale : NARROWEST;
      previous = at + Math.max(4, length);
      return item(entry, at, Math.max(4, length - 1));
    });
    return items.sort((a, b) => a.x - b.x);
  }

  /** Items that touch a range, with one more on each side so that the river does not end at the edge. */
  visible(left, right) {
    let from = lowerBound(this.items, (candidate) => candidate.x < left);
    // Long utterances that began before the range may still reach into it.
    for (let back = 0; from > 0 && back < 8; back++) from--;
    let to = lowerBound(this.items, (candidate) => candidate.x <= right);
    to = Math.min(this.items.length, to + 1);
    return this.items.slice(from, to);
  }

  nearest(x) {
    const at = lowerBound(this.items, (candidate) => candidate.cx < x);
    const candidates = this.items.slice(Math.max(0, at - 4), at + 4);
    return candidates.reduce((best, candidate) => (!best || Math.abs(candidate.cx - x) < Math.abs(best.cx - x) ? candidate : best), null);
  }

  of(id) {
    return this.items.find((candidate) => candidate.entry.utteranceId === id);
  }
}

const item = (entry, x, w) => ({ entry, x, w, cx: x + w / 2 });
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function lowerBound(items, below) {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (below(items[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}
