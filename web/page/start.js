/** The engine starts while the modules of the page still arrive. */

import { startEngine } from "../coin.js";

startEngine();
