/**
 * A piece of work beside the explanation of a slice: a button begins it, a bar says how far it is, another button ends it.
 * One of its kind runs at a time.
 */
export class Work {
  /** @type {AbortController | null} */
  #running = null;
  #begin;
  #cancel;
  #bar;
  #status;

  /** @param {{begin: HTMLButtonElement, cancel: HTMLButtonElement, bar: HTMLProgressElement, status: HTMLElement}} parts */
  constructor({ begin, cancel, bar, status }) {
    this.#begin = begin;
    this.#cancel = cancel;
    this.#bar = bar;
    this.#status = status;
    cancel.addEventListener("click", () => this.cancel());
    this.#show();
  }

  /**
   * @param {(signal: AbortSignal) => Promise<string>} work resolves with a sentence that stays
   * @param {(error: unknown) => string} failed
   */
  async run(work, failed) {
    if (this.#running) return;
    const controller = new AbortController();
    this.#running = controller;
    this.#show();
    let said = "";
    try {
      said = await work(controller.signal);
    } catch (error) {
      said = failed(controller.signal.aborted ? controller.signal.reason : error);
    } finally {
      this.#running = null;
      this.#show();
      this.#status.textContent = said;
    }
  }

  /**
   * @param {string} sentence
   * @param {number} [done]
   * @param {number} [all]
   */
  progress(sentence, done, all) {
    if (!this.#running) return;
    this.#status.textContent = sentence;
    if (done === undefined || all === undefined) return this.#bar.removeAttribute("value");
    this.#bar.max = all;
    this.#bar.value = done;
  }

  cancel() {
    this.#running?.abort();
  }

  #show() {
    const busy = this.#running !== null;
    this.#begin.disabled = busy;
    this.#cancel.hidden = !busy;
    this.#bar.hidden = !busy;
  }
}
