import { skip, startFirefox } from "./firefox.mjs";
import { testMainPath } from "./mainpath.mjs";

testMainPath("Firefox", skip, startFirefox);
