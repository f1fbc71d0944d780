// One conversation on the page: feeds the store, draws at most once a frame, keeps hover and selection the same everywhere.
import { $, set, text } from "./dom.js";
import { follow } from "./api.js";
import { Detail } from "./detail.js";
import { drawLabels } from "./legend.js";
import { Palette } from "./palette.js";
import { Stage } from "./stage.js";
import { Store } from "./store.js";
import { Transcript, announcement } from "./transcript.js";

const STATES = { idle: "idle", connecting: "connecting", live: "live", offline: "offline, trying again" };
const ANNOUNCE_MS = 5_000;

export function showState(state) {
  set($("status"), "data-state", state);
  text($("status-text"), STATES[state]);
}

export class View {
  #end = new AbortController();
  #conversation;
  #unauthorized;
  #frame = 0;
  #announced = performance.now();

  constructor(conversation, unauthorized) {
    this.#conversation = conversation;
    this.#unauthorized = unauthorized;
    text($("title"), conversation);
    document.title = `${conversation} · EmoStream`;
    this.#reset();
    this.#listen();
    follow(conversation, {
      entry: (entry) => this.#entry(entry),
      rewound: () => this.#reset(),
      state: showState,
      unauthorized: () => this.#unauthorized(),
    }, this.#end.signal);
  }

  close() {
    this.#end.abort();
    this.#part.abort();
    cancelAnimationFrame(this.#frame);
  }

  /** Everything that a rewound conversation starts anew. */
  #reset() {
    this.#part?.abort();
    this.#part = new AbortController();
    this.store = new Store();
    this.palette = new Palette();
    this.state = { hovered: null, hoveredOnStage: false, selected: null, following: true, origin: () => this.#origin() };
    this.#dirty = new Set();
    this.#from = Infinity;
    this.#added = [];
    this.#dirtyMarks = true;
    const listener = (onStage) => ({
      hover: (id) => this.#hover(id, onStage),
      select: (id) => this.#select(id),
      scrolled: (atEnd) => this.#follow(atEnd),
      invalidate: () => this.#invalidate(),
    });
    this.stage = new Stage(this.store, this.palette, this.state, listener(true));
    this.stage.listen(this.#part.signal);
    this.transcript = new Transcript(this.store, this.palette, this.state, listener(false), this.#part.signal);
    this.detail = new Detail(this.store, this.palette, this.state);
    drawLabels(this.palette, (label) => this.stage.river.emphasise(label));
    this.#follow(true);
    this.#invalidate();
  }

  #part;
  #dirty;
  #from;
  #added;
  #dirtyMarks;
  #first = null;

  #entry(entry) {
    const what = this.store.apply(entry);
    if (what === null) return;
    if (this.palette.learn(Object.keys(entry.probabilities ?? {}))) drawLabels(this.palette, (label) => this.stage.river.emphasise(label));
    if (what === "added") {
      this.#added.push(entry);
      this.#from = Math.min(this.#from, this.store.indexOf(entry));
    }
    this.#dirty.add(entry);
    this.#first = null;
    this.#invalidate();
  }

  #origin() {
    if (this.#first === null) {
      this.#first = this.store.entries.reduce((first, entry) => (typeof entry.startMs === "number" ? Math.min(first, entry.startMs) : first), Infinity);
    }
    return this.#first === Infinity ? 0 : this.#first;
  }

  #invalidate() {
    if (this.#frame !== 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  #draw() {
    const indexes = [...this.#dirty].map((entry) => this.store.indexOf(this.store.get(entry.utteranceId)));
    this.transcript.render(indexes, this.#from);
    this.#dirty.clear();
    this.#from = Infinity;
    this.stage.render();
    this.detail.render();
    if (this.#dirtyMarks || indexes.length > 0) this.transcript.mark();
    this.#dirtyMarks = false;
    const count = this.store.entries.filter((entry) => entry.status !== "retracted").length;
    const speakers = this.store.speakers.length;
    text($("subtitle"), count === 0 ? "Waiting for the first utterance." : `${count} ${count === 1 ? "utterance" : "utterances"} · ${speakers} ${speakers === 1 ? "speaker" : "speakers"}`);
    set($("axis-mode"), "disabled", !this.stage.timed);
    text($("axis-mode"), this.stage.byTime ? "By time" : "By sequence");
    this.#announce();
  }

  /** Politely, and not more often than one can listen to. */
  #announce() {
    const now = performance.now();
    if (this.#added.length === 0 || now - this.#announced < ANNOUNCE_MS) return;
    this.#announced = now;
    text($("announcer"), announcement(this.store, this.#added));
    this.#added = [];
  }

  #hover(id, onStage) {
    if (this.state.hovered === id && this.state.hoveredOnStage === onStage) return;
    this.state.hovered = id;
    this.state.hoveredOnStage = onStage;
    this.#dirtyMarks = true;
    this.#invalidate();
  }

  #select(id) {
    this.state.selected = id === this.state.selected ? null : id;
    this.#dirtyMarks = true;
    if (this.state.selected !== null) {
      this.#follow(false);
      this.stage.reveal(this.state.selected);
      this.transcript.reveal(this.state.selected);
    }
    this.#invalidate();
  }

  #follow(following) {
    this.state.following = following;
    set($("live"), "aria-pressed", following ? "true" : "false");
    if (following) this.#invalidate();
  }

  #listen() {
    const on = (id, type, handler) => $(id).addEventListener(type, handler, { signal: this.#end.signal });
    const zoom = (factor) => {
      this.stage.zoom(factor);
      this.#invalidate();
    };
    on("live", "click", () => {
      if (this.state.following) {
        this.#follow(false);
        return;
      }
      this.state.selected = null;
      this.#dirtyMarks = true;
      this.#follow(true);
      this.transcript.render([], Infinity);
    });
    on("axis-mode", "click", () => {
      this.stage.toggleAxis();
      this.#invalidate();
    });
    on("zoom-in", "click", () => zoom(1.5));
    on("zoom-out", "click", () => zoom(1 / 1.5));
    on("zoom-fit", "click", () => zoom(null));
    for (const id of ["scroller", "transcript"]) on(id, "keydown", (event) => this.#key(event, zoom));
  }

  #key(event, zoom) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const onStage = event.currentTarget.id === "scroller";
    const step = (by, same) => this.#move(by, same);
    const actions = {
      ArrowRight: () => step(1, false),
      ArrowLeft: () => step(-1, false),
      ArrowDown: () => step(1, onStage),
      ArrowUp: () => step(-1, onStage),
      Home: () => this.#to(0),
      End: () => this.#to(this.store.entries.length - 1),
      Escape: () => this.state.selected !== null && this.#select(this.state.selected),
      "+": () => zoom(1.5),
      "=": () => zoom(1.5),
      "-": () => zoom(1 / 1.5),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #move(by, sameSpeaker) {
    const entries = this.store.entries;
    const current = this.state.selected !== null ? this.store.get(this.state.selected) : undefined;
    let at = current ? this.store.indexOf(current) + by : by > 0 ? 0 : entries.length - 1;
    while (sameSpeaker && current && entries[at] && entries[at].speakerId !== current.speakerId) at += by;
    this.#to(at);
  }

  #to(index) {
    const entry = this.store.entries[index];
    if (entry && entry.utteranceId !== this.state.selected) this.#select(entry.utteranceId);
  }
}
