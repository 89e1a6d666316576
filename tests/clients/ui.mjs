// Drives a browser through the pages; see ui.sh. Ends with a failure at the first thing that is wrong.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { BASE, ADMIN, READER, SHOTS, CHROMIUM, NODE_TOOLS } = process.env;
const require = createRequire(`${NODE_TOOLS}/`);
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const browser = await puppeteer.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"],
  protocolTimeout: 120_000,
});
const faults = [];
const seen = { pages: 0, requests: 0, external: 0, scans: 0, rules: 0, minor: 0 };

/** A page that notes whatever it should not do. */
const open = async (context = browser) => {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (line) => {
    const expected = /status of (403|404)/.test(line.text()) && page.expectsRefusal;
    if (["error", "warn"].includes(line.type()) && !expected) faults.push(`console at ${page.url()}: ${line.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script at ${page.url()}: ${error}`));
  page.on("dialog", (dialog) => { faults.push(`dialog at ${page.url()}`); dialog.dismiss(); });
  page.on("request", (request) => {
    seen.requests += 1;
    if (!request.url().startsWith(`${BASE}/ui`)) {
      seen.external += 1;
      faults.push(`request to ${request.url()}`);
    }
  });
  return page;
};
const go = async (page, path) => {
  const response = await page.goto(`${BASE}${path}`, { waitUntil: "load" });
  seen.pages += 1;
  return response;
};
const text = (page, selector) => page.$eval(selector, (element) => element.innerText);
const follow = (page, action) => Promise.all([page.waitForNavigation({ waitUntil: "load" }), action()]);

/** No serious finding of axe, and nothing beyond the edge. */
const judge = async (page, name) => {
  await page.evaluate(axe);
  const result = await page.evaluate(() => window.axe.run(document));
  seen.scans += 1;
  seen.rules += result.passes.length;
  for (const finding of result.violations) {
    const where = finding.nodes.slice(0, 3).map((node) => node.html.slice(0, 120));
    const told = `${name}: ${finding.impact} ${finding.id}: ${finding.help}\n    ${where.join("\n    ")}`;
    if (["serious", "critical"].includes(finding.impact)) faults.push(told);
    else { seen.minor += 1; console.log(`  note: ${told}`); }
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) faults.push(`${name}: ${overflow} px wider than the window`);
};

// Who is not logged in sees the form and nothing else; a wrong token is told so; a right one leads on.
const page = await open();
await go(page, "/ui/artifacts?q=tool");
assert.match(page.url(), /\/ui\/login\?next=/);
await judge(page, "login");
page.expectsRefusal = true;
await page.type("#token", "ac_000000000000_wrong");
await follow(page, () => page.keyboard.press("Enter"));
assert.match(await text(page, "[role=alert]"), /Not logged in/);
await judge(page, "login refused");
page.expectsRefusal = false;
await page.type("#token", ADMIN);
await follow(page, () => page.keyboard.press("Enter"));
assert.equal(page.url(), `${BASE}/ui/artifacts?q=tool`);
const [cookie] = await page.cookies();
assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.path === "/ui", JSON.stringify(cookie));

// Search finds.
assert.match(await text(page, "table"), /tool-2\.4\.1-linux-amd64\.tar\.gz/);
assert.equal((await page.$$("tbody tr")).length, 1);
const artifact = new URL(await page.$eval("tbody a", (link) => link.href)).pathname;

// Names that want to be more than text stay text.
await go(page, "/ui/artifacts?q=%22%3E%3Cscript%3Ealert(2)%3C/script%3E");
assert.equal(await page.$$eval("script", (all) => all.length), 1);

// A download under way shows how far it is.
await go(page, "/ui/fills");
assert.match(await text(page, "table"), /big-image\.iso/);
const early = await page.$eval("progress", (bar) => bar.value);
await page.waitForFunction((before) => document.querySelector("progress")?.value > before, {}, early);

// Every page in both colours and both widths.
const pages = {
  overview: "/ui/", "overview-day": "/ui/?span=day", artifacts: "/ui/artifacts", search: "/ui/artifacts?q=library_1",
  nothing: "/ui/artifacts?q=there-is-no-such-thing", artifact, delete: `${artifact}/delete`, pin: `${artifact}/unpin`,
  fills: "/ui/fills", evictions: "/ui/evictions", pins: "/ui/pins", files: "/ui/files", jobs: "/ui/jobs", job: "/ui/jobs/1", misses: "/ui/misses", models: "/ui/models",
  configuration: "/ui/configuration", "configuration-set": "/ui/configuration?only=set", clients: "/ui/clients", pip: "/ui/clients/pip",
};
for (const scheme of ["light", "dark"]) {
  for (const width of [1280, 360]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width, height: width === 360 ? 760 : 900 });
    for (const [name, path] of Object.entries(pages)) {
      const response = await go(page, path);
      assert.equal(response.status(), 200, path);
      await judge(page, `${name} ${scheme} ${width}`);
      await page.screenshot({ path: `${SHOTS}/${name}-${scheme}-${width}.png`, fullPage: true });
    }
  }
}
assert.doesNotMatch(await page.content(), /a-key-that-no-page-shows/);

// The keyboard alone: past the navigation, into the search, to a result.
await page.setViewport({ width: 1280, height: 900 });
await go(page, "/ui/");
const focus = () => page.evaluate(() => {
  const active = document.activeElement;
  const style = getComputedStyle(active);
  return { id: active.id, text: active.innerText, tag: active.tagName, seen: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
});
await page.keyboard.press("Tab");
assert.equal((await focus()).text, "Skip to content");
await page.keyboard.press("Enter");
assert.equal((await focus()).id, "main");
await page.keyboard.press("/");
assert.deepEqual(await focus().then(({ id, seen: visible }) => [id, visible]), ["search", true]);
await page.keyboard.type("library_13");
await follow(page, () => page.keyboard.press("Enter"));
let steps = 0;
for (; steps < 60; steps += 1) {
  await page.keyboard.press("Tab");
  const now = await focus();
  assert.ok(now.seen, `the focus on ${now.tag} ${now.text} is not seen`);
  if (now.text?.startsWith("library_13")) break;
}
await follow(page, () => page.keyboard.press("Enter"));
assert.match(await text(page, "h1"), /^library_13-/);

// A snippet is copied.
await page.click(".snippet .copy");
await page.waitForFunction(() => document.querySelector(".snippet .copy").textContent === "Copied");

// What deletes asks; who says no keeps it, who says yes does not.
await go(page, "/ui/artifacts?q=to-be-deleted");
await follow(page, () => page.click("tbody a"));
const doomed = new URL(page.url()).pathname;
await follow(page, () => page.click("a.danger"));
assert.match(await text(page, "h1"), /Delete this artifact\?/);
await follow(page, () => page.click(".row a.button"));
assert.equal(new URL(page.url()).pathname, doomed);
await follow(page, () => page.click("a.danger"));
await follow(page, () => page.click("button.danger"));
page.expectsRefusal = true;
assert.equal((await go(page, doomed)).status(), 404);
await judge(page, "not found");
page.expectsRefusal = false;
await go(page, "/ui/artifacts?q=to-be-deleted");
assert.match(await text(page, "main"), /Nothing is stored that fits/);

// Without scripts everything can be read, and the search works.
const plain = await open();
await plain.setJavaScriptEnabled(false);
for (const path of Object.values(pages)) {
  assert.equal((await go(plain, path)).status(), 200);
  assert.ok((await plain.$eval("h1", (heading) => heading.textContent)).length > 2, path);
}
await go(plain, "/ui/");
await plain.type("#search", "library_7");
await follow(plain, () => plain.keyboard.press("Enter"));
assert.equal((await plain.$$("tbody tr")).length, 1);
await plain.close();

// Who may only read is offered nothing that changes, and cannot do it anyhow.
await follow(page, () => page.click(".who button"));
assert.match(page.url(), /\/ui\/login$/);
await page.type("#token", READER);
await follow(page, () => page.keyboard.press("Enter"));
await go(page, artifact);
assert.equal(await page.$("a.danger"), null);
page.expectsRefusal = true;
assert.equal((await go(page, `${artifact}/delete`)).status(), 403);
page.expectsRefusal = false;

await browser.close();
console.log(JSON.stringify(seen));
assert.deepEqual(faults, []);
