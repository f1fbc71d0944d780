// A set of elements that mirrors a set of items: made once, updated only when their signature changes, removed when gone.

export class Keyed {
  #parent;
  #create;
  #update;
  #nodes = new Map();
  #round = 0;

  constructor(parent, create, update) {
    this.#parent = parent;
    this.#create = create;
    this.#update = update;
  }

  /** signature(item) must name everything that update() draws. */
  render(items, signature) {
    const round = ++this.#round;
    for (const item of items) {
      const id = item.entry.utteranceId;
      let known = this.#nodes.get(id);
      if (!known) {
        known = { node: this.#create(item), signature: null, round };
        this.#nodes.set(id, known);
        this.#parent.append(known.node);
      }
      known.round = round;
      const now = signature(item);
      if (known.signature !== now) {
        this.#update(known.node, item, known.signature === null);
        known.signature = now;
      }
    }
    for (const [id, known] of this.#nodes) {
      if (known.round !== round) {
        known.node.remove();
        this.#nodes.delete(id);
      }
    }
  }
}
