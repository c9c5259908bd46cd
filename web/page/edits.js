/** Edits of a mask by hand. They are kept apart from the computed mask, so that they outlast a change of the threshold. */

/** Edits that can be undone. */
const MOST_UNDONE = 100;

/** Edits by scan or phantom, or by slice if a lesion was inserted, and then by model and slice. @type {WeakMap<object, Map<string, Edits>>} */
const known = new WeakMap();

/** Edits of a mask of `size` x `size` pixels. */
export class Edits {
  /** 1 for added, -1 for removed pixels. */
  #changes;
  /** @type {Int8Array<ArrayBuffer>[]} */
  #undone = [];
  /** @type {Int8Array<ArrayBuffer>[]} */
  #redone = [];

  /** @param {number} size */
  constructor(size) {
    this.size = size;
    this.#changes = new Int8Array(size * size);
  }

  /** Whether the mask is as computed. */
  get isEmpty() {
    return this.#changes.every((change) => change === 0);
  }

  get canUndo() {
    return this.#undone.length > 0;
  }

  get canRedo() {
    return this.#redone.length > 0;
  }

  /** Begins an edit, which is undone as a whole. */
  begin() {
    this.#undone.push(this.#changes.slice());
    if (this.#undone.length > MOST_UNDONE) this.#undone.shift();
    this.#redone = [];
  }

  /**
   * Adds or removes the pixels whose centres lie within a radius of a line.
   *
   * @param {{x: number, y: number}} from in fractions of the image
   * @param {{x: number, y: number}} to
   * @param {number} radius in pixels; at least the pixel under the line is changed
   * @param {boolean} adds
   */
  paint(from, to, radius, adds) {
    const { size } = this;
    const [ax, ay, bx, by] = [from.x, from.y, to.x, to.y].map((at) => at * size);
    const squared = (bx - ax) ** 2 + (by - ay) ** 2;
    const reach = Math.max(radius, Math.SQRT1_2);
    const bound = (/** @type {number} */ at) => Math.min(size - 1, Math.max(0, Math.floor(at)));
    for (let y = bound(Math.min(ay, by) - reach); y <= bound(Math.max(ay, by) + reach); y++) {
      for (let x = bound(Math.min(ax, bx) - reach); x <= bound(Math.max(ax, bx) + reach); x++) {
        const [px, py] = [x + 0.5 - ax, y + 0.5 - ay];
        const along = squared === 0 ? 0 : Math.min(1, Math.max(0, (px * (bx - ax) + py * (by - ay)) / squared));
        if (Math.hypot(px - along * (bx - ax), py - along * (by - ay)) <= reach) this.#changes[y * size + x] = adds ? 1 : -1;
      }
    }
  }

  /**
   * Adds or removes pixels.
   *
   * @param {Uint8Array} pixels 1 for those to change
   * @param {boolean} adds
   */
  set(pixels, adds) {
    pixels.forEach((chosen, at) => {
      if (chosen) this.#changes[at] = adds ? 1 : -1;
    });
  }

  /** Discards all edits, as an edit that can be undone. */
  clear() {
    this.begin();
    this.#changes.fill(0);
  }

  /** Drops the edit that was begun last. */
  cancel() {
    this.#changes = this.#undone.pop() ?? this.#changes;
  }

  undo() {
    this.#step(this.#undone, this.#redone);
  }

  redo() {
    this.#step(this.#redone, this.#undone);
  }

  /**
   * @param {Int8Array<ArrayBuffer>[]} from
   * @param {Int8Array<ArrayBuffer>[]} to
   */
  #step(from, to) {
    const changes = from.pop();
    if (!changes) return;
    to.push(this.#changes);
    this.#changes = changes;
  }

  /** The edited mask. @param {Uint8Array} mask as computed */
  apply(mask) {
    return mask.map((inside, at) => (this.#changes[at] === 0 ? inside : Number(this.#changes[at] > 0)));
  }
}

/**
 * The edits of a result's mask.
 *
 * @param {Pick<import("./main.js").Result, "input" | "model" | "explanation">} result
 */
export function editsOf({ input, model, explanation }) {
  return editsOfSlice(ownerOf(input), model.name, input.index, explanation.size);
}

/**
 * What edits and measurements of a slice are kept for: its scan or phantom, or the slice if a lesion was inserted.
 *
 * @param {import("./main.js").InputSlice} input
 * @returns {object}
 */
export function ownerOf({ edited, slice, source }) {
  return edited ? slice : (source.scan ?? source);
}

/**
 * The edits of a slice's mask.
 *
 * @param {object} owner scan of the slice, or source without one
 * @param {string} model
 * @param {number} index of the slice
 * @param {number} size of the mask
 */
export function editsOfSlice(owner, model, index, size) {
  const ofOwner = known.get(owner) ?? new Map();
  known.set(owner, ofOwner);
  const key = `${model} ${size} ${index}`;
  const edits = ofOwner.get(key) ?? new Edits(size);
  ofOwner.set(key, edits);
  return edits;
}

/** Whether a mask of what was opened with a source is corrected. @param {import("./main.js").ImageSource} source */
export function hasEdits(source) {
  const owners = source.study?.scans ?? [source.scan ?? source];
  return owners.some((owner) => [...(known.get(owner)?.values() ?? [])].some((edits) => !edits.isEmpty));
}

/**
 * Pixels that are connected with one, itself included, and share a property; diagonal neighbours are connected.
 *
 * @param {number} start
 * @param {number} size
 * @param {(at: number) => boolean} has
 */
export function connectedTo(start, size, has) {
  const found = new Uint8Array(size * size);
  const open = [start];
  found[start] = 1;
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const [x, y] = [at % size, Math.floor(at / size)];
    for (let v = Math.max(0, y - 1); v <= Math.min(size - 1, y + 1); v++) {
      for (let u = Math.max(0, x - 1); u <= Math.min(size - 1, x + 1); u++) {
        const next = v * size + u;
        if (found[next] || !has(next)) continue;
        found[next] = 1;
        open.push(next);
      }
    }
  }
  return found;
}
