import { testMainPath } from "./mainpath.mjs";
import { skip, startWebKit } from "./webkit.mjs";

testMainPath("WebKit", skip, startWebKit);
