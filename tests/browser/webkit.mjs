import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Builder, By, Key, Origin } from "selenium-webdriver";

const WEBKIT = "/usr/bin/WebKitWebDriver";
const XVFB = "/usr/bin/Xvfb";
const missing = [WEBKIT, XVFB].filter((path) => !existsSync(path));

/** The reason to skip tests in WebKit; false if it is installed. */
export const skip =
  missing.length === 0
    ? /** @type {const} */ (false)
    : `SKIPPED: ${missing.join(" and ")} missing. Install WebKit and a virtual display (apt-get install webkit2gtk-driver xvfb).`;

const KEYS = {
  ArrowLeft: Key.ARROW_LEFT,
  ArrowRight: Key.ARROW_RIGHT,
  ArrowUp: Key.ARROW_UP,
  ArrowDown: Key.ARROW_DOWN,
  Enter: Key.ENTER,
};

/**
 * Starts WebKit's MiniBrowser on a virtual display.
 *
 * @param {string} downloads folder for saved files
 * @param {string} profile folder for what the browser keeps
 * @returns {Promise<import("./mainpath.mjs").Driver>}
 */
export async function startWebKit(downloads, profile) {
  const display = await startDisplay();
  const port = await freePort();
  const config = join(profile, "config");
  await mkdir(config);
  await writeFile(join(config, "user-dirs.dirs"), `XDG_DOWNLOAD_DIR="${downloads}"\n`);
  const env = {
    ...process.env,
    DISPLAY: display.name,
    GDK_BACKEND: "x11",
    HOME: profile,
    XDG_CONFIG_HOME: config,
    XDG_CACHE_HOME: join(profile, "cache"),
    XDG_DATA_HOME: join(profile, "data"),
  };
  const server = spawn(WEBKIT, [`--port=${port}`], { env, stdio: "ignore" });
  const stop = () => {
    server.kill();
    display.stop();
  };
  try {
    const address = `http://127.0.0.1:${port}`;
    await answering(`${address}/status`);
    const browser = await new Builder().usingServer(address).forBrowser("MiniBrowser").build();
    await browser.manage().window().setRect({ x: 0, y: 0, width: 1280, height: 1000 });
    const find = (/** @type {string} */ selector) => browser.findElement(By.css(selector));
    return {
      open: (address) => browser.get(address),
      evaluate: (act, ...args) => browser.executeScript(act, ...args),
      click: (selector) => find(selector).click(),
      async drag(from, to) {
        const steps = browser.actions({ async: true }).move({ ...from, origin: Origin.VIEWPORT, duration: 0 }).press();
        for (const share of [0.25, 0.5, 0.75, 1]) {
          const between = (/** @type {"x" | "y"} */ axis) => Math.round(from[axis] + share * (to[axis] - from[axis]));
          steps.move({ x: between("x"), y: between("y"), origin: Origin.VIEWPORT, duration: 0 });
        }
        await steps.release().perform();
      },
      press: (selector, keys) => find(selector).sendKeys(...keys.map((key) => KEYS[key])),
      setFiles: (selector, paths) => find(selector).sendKeys(paths.join("\n")),
      reload: () => browser.navigate().refresh(),
      close: () => browser.quit().finally(stop),
    };
  } catch (error) {
    stop();
    throw error;
  }
}

/** Starts a virtual display. @returns {Promise<{name: string, stop: () => void}>} */
async function startDisplay() {
  // It chooses a free number and writes it to file descriptor 3.
  const server = spawn(XVFB, ["-displayfd", "3", "-screen", "0", "1280x1000x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  const number = await new Promise((resolve, reject) => {
    server.stdio[3]?.once("data", (data) => resolve(String(data).trim()));
    server.once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`)));
  });
  return { name: `:${number}`, stop: () => server.kill() };
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** Waits until a server answers. @param {string} address */
async function answering(address) {
  for (let tries = 0; tries < 100; tries++) {
    if (await fetch(address).catch(() => null)) return;
    await pause(100);
  }
  throw new Error(`${address} does not answer`);
}
