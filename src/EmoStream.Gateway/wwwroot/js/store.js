// One conversation: entries by id, in order of the conversation, and who speaks.

export class Store {
  #byId = new Map();
  #speakers = new Map();
  /** Entries by sequence. */
  entries = [];
  version = 0;

  get(id) {
    return this.#byId.get(id);
  }

  /** By lane. */
  get speakers() {
    return [...this.#speakers.values()].sort((a, b) => a.first - b.first);
  }

  speaker(id) {
    return this.#speakers.get(id);
  }

  /** What the entry meant: "added", "changed", or null when it is older than what is known. */
  apply(entry) {
    const known = this.#byId.get(entry.utteranceId);
    if (known && known.change >= entry.change) return null;
    this.version++;
    this.#byId.set(entry.utteranceId, entry);
    this.#meet(entry);
    if (known && known.sequence === entry.sequence) {
      this.entries[this.indexOf(known)] = entry;
      return "changed";
    }
    if (known) this.entries.splice(this.indexOf(known), 1);
    this.entries.splice(this.#place(entry.sequence), 0, entry);
    return known ? "changed" : "added";
  }

  indexOf(entry) {
    let at = this.#place(entry.sequence);
    while (at > 0 && this.entries[at - 1].sequence === entry.sequence) at--;
    while (at < this.entries.length && this.entries[at].utteranceId !== entry.utteranceId) at++;
    return at < this.entries.length ? at : -1;
  }

  /** First index whose sequence is not below; the end for the usual case of a new last utterance. */
  #place(sequence) {
    let low = 0;
    let high = this.entries.length;
    if (high > 0 && this.entries[high - 1].sequence < sequence) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle].sequence < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #meet(entry) {
    if (!entry.speakerId) return;
    const known = this.#speakers.get(entry.speakerId);
    if (known && entry.speakerName) known.name = entry.speakerName;
    if (known && known.first <= entry.sequence) return;
    // Lanes in the order of first words: the feed may bring a revised first utterance late.
    if (known) known.first = entry.sequence;
    else this.#speakers.set(entry.speakerId, { id: entry.speakerId, name: entry.speakerName ?? entry.speakerId, first: entry.sequence, lane: 0 });
    this.speakers.forEach((speaker, lane) => (speaker.lane = lane));
  }
}

export const percent = (value) => `${Math.round(value * 100)} %`;

export function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/** "joy 82 %", or why there is no label. */
export function verdict(entry) {
  if (entry.status === "retracted") return "retracted";
  return entry.label ? `${entry.label} ${percent(entry.confidence)}` : "not scored";
}

/** What was said, or why there are no words: the policy keeps back null, an utterance of voice and face alone brings none. */
export function said(entry) {
  if (entry.status === "retracted") return "Removed by the source.";
  return entry.text ? entry.text : entry.text === "" ? "No words." : "Text is not allowed by the policy.";
}
