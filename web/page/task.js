import { create, element } from "./dom.js";

/**
 * A component of work beside the explanation of a slice: a button begins it, a bar says how far it is, another button ends it.
 * One of its kind runs at a time. Its end is announced to who does not see it; each of its steps is not.
 */
export class Task {
  /** @type {AbortController | null} */
  #running = null;
  /** What stands there when it was left. @type {string | null} */
  #left = null;
  #begin;
  #cancel;
  #bar;
  #status;
  #step = create("span", { className: "step", ariaHidden: "true" });

  /**
   * @param {string} begin id of the button that begins it
   * @param {string} name how the ids of its other parts begin: `NAME-cancel`, `NAME-progress`, `NAME-status`
   */
  constructor(begin, name) {
    this.#begin = element(begin, HTMLButtonElement);
    this.#cancel = element(`${name}-cancel`, HTMLButtonElement);
    this.#bar = element(`${name}-progress`, HTMLProgressElement);
    this.#status = element(`${name}-status`, HTMLElement);
    this.#bar.after(this.#step);
    this.#cancel.addEventListener("click", () => this.#running?.abort());
    this.#show();
  }

  /**
   * @param {(signal: AbortSignal) => Promise<string>} work resolves with a sentence that stays
   * @param {string} cancelled the sentence that stays when it is cancelled
   */
  async run(work, cancelled) {
    if (this.#running) return;
    const controller = new AbortController();
    this.#running = controller;
    this.#left = null;
    this.#status.textContent = "";
    this.#show();
    let said = "";
    try {
      said = await work(controller.signal);
    } catch (error) {
      said = controller.signal.aborted ? cancelled : error instanceof Error ? error.message : String(error);
    }
    this.#running = null;
    this.#show();
    this.#status.textContent = this.#left ?? said;
  }

  /**
   * @param {string} sentence
   * @param {number} [done]
   * @param {number} [all]
   */
  progress(sentence, done, all) {
    if (!this.#running) return;
    this.#step.textContent = sentence;
    if (done === undefined || all === undefined) return this.#bar.removeAttribute("value");
    this.#bar.max = all;
    this.#bar.value = done;
  }

  /**
   * Ends it, because what it was about is no longer shown.
   *
   * @param {string} [sentence] that stands there from now on
   */
  leave(sentence = "") {
    this.#left = sentence;
    this.#running?.abort();
    if (!this.#running) this.#status.textContent = sentence;
  }

  #show() {
    const busy = this.#running !== null;
    this.#begin.disabled = busy;
    this.#cancel.hidden = !busy;
    this.#bar.hidden = !busy;
    this.#step.textContent = "";
  }
}
