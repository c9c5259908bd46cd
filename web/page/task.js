import { create, element } from "./dom.js";
import { translated } from "./strings.js";

/**
 * A cancellable background task with a start button, a cancel button, a progress bar and a status text. One run at a time.
 * Screen readers announce the final status, but not every step.
 */
export class Task {
  /** @type {AbortController | null} */
  #running = null;
  #enabled = true;
  /** Status after {@link Task.reset}, which replaces that of the run. @type {string | null} */
  #resetStatus = null;
  #startButton;
  #cancelButton;
  #bar;
  #status;
  #step = create("span", { className: "step", ariaHidden: "true" });

  /**
   * @param {string} startId id of the start button
   * @param {string} name prefix of the other ids: `NAME-cancel`, `NAME-progress`, `NAME-status`
   */
  constructor(startId, name) {
    this.#startButton = element(startId, HTMLButtonElement);
    this.#cancelButton = element(`${name}-cancel`, HTMLButtonElement);
    this.#bar = element(`${name}-progress`, HTMLProgressElement);
    this.#status = element(`${name}-status`, HTMLElement);
    this.#bar.after(this.#step);
    this.#cancelButton.addEventListener("click", () => this.#running?.abort());
    this.#update();
  }

  /**
   * Runs the task, unless it is running already.
   *
   * @param {(signal: AbortSignal) => Promise<string>} work resolves with the final status
   * @param {string} cancelled final status of a cancelled run
   */
  async run(work, cancelled) {
    if (this.#running) return;
    const controller = new AbortController();
    this.#running = controller;
    this.#resetStatus = null;
    this.#status.textContent = "";
    this.#update();
    let status = "";
    try {
      status = await work(controller.signal);
    } catch (error) {
      status = controller.signal.aborted ? cancelled : translated(error instanceof Error ? error.message : String(error));
    }
    this.#running = null;
    this.#update();
    this.#status.textContent = this.#resetStatus ?? status;
  }

  /**
   * Shows the progress of the run; the bar is indeterminate without numbers.
   *
   * @param {string} text
   * @param {number} [done]
   * @param {number} [all]
   */
  progress(text, done, all) {
    if (!this.#running) return;
    this.#step.textContent = text;
    if (done === undefined || all === undefined) return this.#bar.removeAttribute("value");
    this.#bar.max = all;
    this.#bar.value = done;
  }

  /**
   * Cancels the run and replaces its status, because the page shows another slice or model.
   *
   * @param {string} [status]
   */
  reset(status = "") {
    this.#resetStatus = status;
    this.#running?.abort();
    if (!this.#running) this.#status.textContent = status;
  }

  /** Sets whether there is anything to start. @param {boolean} enabled */
  enable(enabled) {
    this.#enabled = enabled;
    this.#startButton.disabled = this.#running !== null || !enabled;
  }

  #update() {
    const busy = this.#running !== null;
    this.#startButton.disabled = busy || !this.#enabled;
    this.#cancelButton.hidden = !busy;
    this.#bar.hidden = !busy;
    this.#step.textContent = "";
  }
}
