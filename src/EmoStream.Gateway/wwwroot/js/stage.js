// Lanes, river and weights over one axis. Only what is in view (and a margin) exists as elements, so the cost of a
// frame does not grow with the conversation.
import { $, h, s, set, style, text } from "./dom.js";
import { Axis } from "./axis.js";
import { Lanes } from "./lanes.js";
import { Layout } from "./layout.js";
import { patternDefinitions } from "./patterns.js";
import { River } from "./river.js";
import { clock, verdict } from "./store.js";
import { Weights } from "./weights.js";

const MARGIN = 400;

export class Stage {
  #scroller = $("scroller");
  #gutter = $("gutter");
  #tooltip = $("tooltip");
  #layout = new Layout();
  #svg = s("svg", { class: "stage-svg", role: "presentation" });
  #store;
  #state;
  #listener;
  #zoom = null;
  #preferTime = true;
  #ownScroll = 0;
  #scrolledExtent = "";
  #laidOut = "";

  constructor(store, palette, state, listener) {
    this.#store = store;
    this.#state = state;
    this.#listener = listener;
    this.#svg.append(patternDefinitions());
    this.axis = new Axis(this.#svg);
    this.lanes = new Lanes(this.#svg, palette, store);
    this.river = new River(this.#svg, palette);
    this.weights = new Weights(this.#svg);
    this.hover = s("rect", { class: "cursor hover", y: 0, visibility: "hidden" });
    this.selection = s("rect", { class: "cursor selection", y: 0, visibility: "hidden" });
    this.#svg.append(this.hover, this.selection);
    this.#scroller.replaceChildren(this.#svg);
    this.#gutter.replaceChildren();
  }

  get timed() {
    return this.#layout.timed;
  }

  get byTime() {
    return this.#layout.byTime;
  }

  toggleAxis() {
    this.#preferTime = !this.#preferTime;
  }

  zoom(factor) {
    this.#zoom = factor === null ? null : Math.min(16, Math.max(0.5, (this.#zoom ?? 1) * factor));
  }

  /** Elements for what is in view; called at most once a frame. */
  render() {
    const viewport = this.#scroller.clientWidth;
    const key = `${this.#store.version}|${viewport}|${this.#zoom}|${this.#preferTime}`;
    if (key !== this.#laidOut) {
      this.#layout.update(this.#store.entries, viewport, this.#zoom, this.#preferTime);
      this.#laidOut = key;
    }
    const geometry = measure(this.#store.speakers.length);
    set(this.#svg, "width", this.#layout.width);
    set(this.#svg, "height", geometry.height);
    this.#drawGutter(geometry);
    if (this.#state.following) this.#scrollTo(this.#layout.width - viewport);

    const left = this.#scroller.scrollLeft - MARGIN;
    const right = this.#scroller.scrollLeft + viewport + MARGIN;
    const items = this.#layout.visible(left, right);
    this.axis.render(this.#layout, left, right, geometry);
    this.lanes.render(items, geometry, this.#layout.width);
    this.river.render(items, geometry, this.#layout.width);
    this.weights.render(items, geometry, this.#layout.width);
    this.#cursor(this.hover, this.#state.hovered, geometry);
    this.#cursor(this.selection, this.#state.selected, geometry);
    this.#drawTooltip();
  }

  reveal(id) {
    const item = this.#layout.of(id);
    if (!item) return;
    const { scrollLeft, clientWidth } = this.#scroller;
    if (item.x < scrollLeft + 24 || item.x + item.w > scrollLeft + clientWidth - 24) this.#scrollTo(item.cx - clientWidth / 2);
  }

  /** Listens; every listener ends with the signal. */
  listen(signal) {
    const on = (target, type, handler) => target.addEventListener(type, handler, { signal, passive: true });
    on(this.#scroller, "scroll", () => {
      const extent = this.#extent();
      if (extent !== this.#scrolledExtent) {
        // The browser keeps within what has become narrower: nobody has scrolled.
        this.#scrolledExtent = extent;
      } else if (Math.abs(this.#scroller.scrollLeft - this.#ownScroll) > 2) {
        const end = this.#scroller.scrollWidth - this.#scroller.clientWidth;
        this.#listener.scrolled(this.#scroller.scrollLeft >= end - 4);
      }
      this.#listener.invalidate();
    });
    on(this.#scroller, "pointermove", (event) => this.#listener.hover(this.#at(event)));
    on(this.#scroller, "pointerleave", () => this.#listener.hover(null));
    on(this.#scroller, "click", (event) => this.#listener.select(this.#at(event)));
    const observer = new ResizeObserver(() => this.#listener.invalidate());
    observer.observe(this.#scroller);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  #at(event) {
    const x = event.clientX - this.#scroller.getBoundingClientRect().left + this.#scroller.scrollLeft;
    // A mark under the pointer wins; speakers may talk at the same time.
    return event.target.closest?.(".mark")?.dataset.id ?? this.#layout.nearest(x)?.entry.utteranceId ?? null;
  }

  #scrollTo(left) {
    this.#scroller.scrollLeft = left;
    this.#ownScroll = this.#scroller.scrollLeft;
    this.#scrolledExtent = this.#extent();
  }

  #extent() {
    return `${this.#scroller.scrollWidth}|${this.#scroller.clientWidth}`;
  }

  #cursor(rect, id, geometry) {
    const item = id === null ? undefined : this.#layout.of(id);
    set(rect, "visibility", item ? "visible" : "hidden");
    if (!item) return;
    set(rect, "data-id", id);
    set(rect, "x", (item.x - 2).toFixed(1));
    set(rect, "width", (item.w + 4).toFixed(1));
    set(rect, "y", geometry.lanesTop - 2);
    set(rect, "height", geometry.height - geometry.lanesTop + 2);
  }

  #drawGutter(geometry) {
    const speakers = this.#store.speakers;
    while (this.#gutter.childElementCount < speakers.length + 2) this.#gutter.append(h("div", { class: "gutter-label" }, h("span")));
    const rows = [...this.#gutter.children];
    const place = (row, label, top, height, kind) => {
      text(row.firstElementChild, label);
      set(row, "title", label);
      set(row, "data-kind", kind);
      style(row, { top: `${top}px`, height: `${height}px` });
    };
    place(rows[0], "Probability river", geometry.riverTop, geometry.riverHeight, "river");
    place(rows[1], "Modality weights", geometry.weightsTop, geometry.weightsHeight, "weights");
    speakers.forEach((speaker, lane) => place(rows[lane + 2], speaker.name, geometry.lanesTop + lane * geometry.laneHeight, geometry.laneHeight, "speaker"));
  }

  #drawTooltip() {
    const entry = this.#state.hovered && this.#store.get(this.#state.hovered);
    const item = entry && this.#state.hoveredOnStage && this.#layout.of(entry.utteranceId);
    set(this.#tooltip, "hidden", !item);
    if (!item) return;
    const speaker = this.#store.speaker(entry.speakerId)?.name ?? "";
    const when = typeof entry.startMs === "number" && this.#layout.timed ? ` · ${clock(entry.startMs - this.#state.origin())}` : "";
    this.#tooltip.replaceChildren(h("b", {}, `${speaker}${when} · ${verdict(entry)}`), h("span", {}, entry.text ?? ""));
    const x = item.cx - this.#scroller.scrollLeft + this.#gutter.offsetWidth;
    const half = this.#tooltip.offsetWidth / 2;
    const most = this.#scroller.clientWidth + this.#gutter.offsetWidth - half - 4;
    style(this.#tooltip, { left: `${Math.max(half + 4, Math.min(most, x))}px` });
  }
}

/** Heights in px; more speakers get thinner lanes before the stage grows. */
function measure(speakers) {
  const lanes = Math.max(1, speakers);
  const laneHeight = lanes <= 5 ? 30 : lanes <= 9 ? 24 : 18;
  const axisHeight = 22;
  const lanesTop = axisHeight + 2;
  const riverTop = lanesTop + lanes * laneHeight + 8;
  const riverHeight = 132;
  const weightsTop = riverTop + riverHeight + 8;
  const weightsHeight = 40;
  return { axisHeight, lanes, laneHeight, lanesTop, riverTop, riverHeight, weightsTop, weightsHeight, height: weightsTop + weightsHeight + 4 };
}
