// The page of `foreshock serve` in a real headless Chromium: open, live update, alarm, reload, many
// runs, a hostile stream, keyboard, phone; the page of `foreshock report`; axe-core on every screen.
// `make test-browser` runs it.
//
// Environment: FORESHOCK, the program; CHROMIUM, the browser; SCREENSHOTS, a folder (optional).
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "foreshock-browser-"));
const pictures = process.env.SCREENSHOTS || "";
const patience = 60000;
const evil = '<img src=x onerror="window.hurt=1">';
let server, address, browser;

const descriptors = ["gap", "slip", "thickness"];
const line = (value) => JSON.stringify(value) + "\n";

function header(groups) {
  return line({
    type: "header", schema: 1, foreshock: "0.1.0", lammps: "22 Jul 2025", units: "metal", dt_ps: 0.002, every: 50,
    atoms: 1152, groups, elements: [], descriptors, model_hash: null, detector: "cusum", threshold: 1, persist: 3,
    settings: { interfaces: 2, sample_ps: 0.1, reference_ps: 0.5, baseline_start_ps: 2, baseline_length_ps: 5, lag_ps: 1, window: 64, rdf: false },
    config: { halt: "soft" },
  }) + line({ type: "run", step: 0, steps: 50000 });
}

function sample(frame, fails, probability = false) {
  let text = "";
  const at = { frame, time_ps: 0.1 * frame };
  for (const interface_ of [0, 1]) {
    const excess = interface_ === 1 ? Math.max(0, frame - fails) : 0;
    const learning = frame < 75;
    const cusum = learning ? null : Math.min(2, 0.05 * excess);
    const index = learning ? null : 0.6 + 0.2 * Math.sin(0.3 * frame) + 0.04 * excess;
    const p = learning || !probability ? null : 1 / (1 + Math.exp(4 - 0.3 * excess));
    const state = learning ? "learning" : cusum >= 1 ? "alarm" : "stable";
    text += line({ type: "sample", ...at, step: 50 * frame, interface: interface_, condition: "measured", values: descriptors.map((_, j) => Math.sin(frame * 0.7 + j)) });
    text += line({ type: "verdict", decision_step: 50 * frame, ...at, interface: interface_, window_end_step: 50 * frame, state, p_warning: p, p_states: [p === null ? null : 1 - p, p === null ? null : 0, p], alarm: state === "alarm", index, cusum, ood_p: null });
    if (excess === 20) {
      text += line({ type: "event", frame, step: 50 * frame, interface: 1, kind: "bond_broken", tags: [17, 402], data: {} });
      text += line({ type: "alarm", decision_step: 50 * frame, reason: "slip rises " + evil, interface: 1, frame, window_end_step: 50 * frame, time_ps: 0.1 * frame, score: 1, threshold: 1, windows: 3, index, top: [{ descriptor: "slip", share: 0.31, sigmas: 9.3 }, { descriptor: "rate of gap", share: 0.12, sigmas: -4 }] });
    }
  }
  return text;
}

function samples(from, to, fails, probability) {
  let text = "";
  for (let frame = from; frame < to; frame++) text += sample(frame, fails, probability);
  return text;
}

const file = (name) => path.join(folder, name);

before(async () => {
  fs.writeFileSync(file("live.jsonl"), header(["silicate", "oxide"]) + samples(0, 120, 130, true));
  fs.writeFileSync(file("hostile" + evil.replaceAll("/", "") + ".jsonl"), header([evil, "</script><script>window.hurt=1</script>"]) + "{broken\n" + samples(0, 100, 1000));
  server = spawn(process.env.FORESHOCK, ["serve", folder, "--bind", "127.0.0.1:0"]);
  address = await new Promise((resolve) => server.stdout.once("data", (data) => resolve(/http:\S+/.exec(String(data))[0])));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  if (browser) await browser.close();
  if (server) server.kill("SIGINT");
  fs.rmSync(folder, { recursive: true, force: true });
});

/** A page that fails the test on any error, refused content or request to elsewhere. */
async function open(options = {}, hash = "") {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.wrong = [];
  page.on("pageerror", (error) => page.wrong.push(String(error)));
  page.on("console", (message) => message.type() === "error" && page.wrong.push(message.text()));
  page.on("request", (request) => request.url().startsWith(address) || page.wrong.push("asked " + request.url()));
  await page.goto(address + hash);
  await page.getByText("live", { exact: true }).waitFor({ timeout: patience });
  return page;
}

async function check(page, name) {
  if (pictures) await page.screenshot({ path: path.join(pictures, name + ".png"), fullPage: true });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, name + " is " + wide + " pixels wider than the screen");
  // The content security policy holds for axe as well: it comes through the debugger, not the page.
  const found = await page.evaluate(axe + "; axe.run(document, { resultTypes: ['violations'] })");
  assert.deepEqual(found.violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html).join(" ")), [], name);
  assert.deepEqual(page.wrong, []);
  assert.equal(await page.evaluate(() => window.hurt), undefined);
}

async function openRun(page, name) {
  await page.getByRole("link", { name, exact: true }).click();
  await page.locator("#interfaces .card").first().waitFor({ timeout: patience });
  await page.locator("#index-chart canvas").waitFor({ timeout: patience });
}

test("list, run, live update, alarm, reload", async () => {
  const page = await open();
  await page.getByRole("link", { name: "live.jsonl", exact: true }).waitFor({ timeout: patience });
  await check(page, "list-desktop");
  await openRun(page, "live.jsonl");
  assert.equal(await page.locator("#alarms").textContent(), "None.");
  await check(page, "run-before");
  fs.appendFileSync(file("live.jsonl"), samples(120, 165, 130, true));
  await page.locator("#alarms details").waitFor({ timeout: patience });
  const alarm = await page.locator("#alarms").textContent();
  for (const words of ["step 7,500", "slip", "+9.30 σ", "31.0 %", "17 402", evil]) assert.ok(alarm.includes(words), words + " is not in " + alarm);
  await page.getByText("Alarm in live.jsonl").waitFor({ timeout: patience });
  assert.match(await page.title(), /^ALARM live.jsonl/);
  await check(page, "run-alarm");
  await page.reload();
  await page.locator("#alarms details").waitFor({ timeout: patience });
  await check(page, "run-reloaded");
  await page.keyboard.press("Escape");
  const first = page.locator("#runs tr").first();
  await first.locator(".badge.alarm").waitFor({ timeout: patience });
  assert.match(await first.textContent(), /^live.jsonl/);
  await page.context().close();
});

test("a hostile stream is text", async () => {
  const page = await open();
  const link = page.getByRole("link", { name: /hostile/ });
  await link.waitFor({ timeout: patience });
  assert.ok((await link.textContent()).includes("<img src=x"));
  await link.click();
  await page.locator("#interfaces .card").first().waitFor({ timeout: patience });
  assert.ok((await page.locator("#interfaces").textContent()).includes(evil));
  assert.equal(await page.locator("main img").count(), 0);
  await check(page, "run-hostile");
  await page.context().close();
});

test("phone, dark, keyboard only", async () => {
  const page = await open({ viewport: { width: 375, height: 740 }, colorScheme: "dark", isMobile: true, hasTouch: true });
  await page.getByRole("link", { name: "live.jsonl", exact: true }).waitFor({ timeout: patience });
  await check(page, "list-phone-dark");
  for (let presses = 0; presses < 12; presses++) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement.textContent)) === "live.jsonl") break;
  }
  await page.keyboard.press("Enter");
  await page.locator("#alarms details").waitFor({ timeout: patience });
  await page.locator("#index-chart canvas").waitFor({ timeout: patience });
  await check(page, "run-phone-dark");
  await page.context().close();
});

test("the report, on a phone and on a desk", async () => {
  const report = file("report.html");
  execFileSync(process.env.FORESHOCK, ["report", file("live.jsonl"), "-o", report]);
  for (const [name, width] of [["phone", 375], ["desktop", 1280]]) {
    const context = await browser.newContext({ viewport: { width, height: 800 } });
    const page = await context.newPage();
    page.wrong = [];
    page.on("pageerror", (error) => page.wrong.push(String(error)));
    page.on("request", (request) => /^(file|data):/.test(request.url()) || page.wrong.push("asked " + request.url()));
    await page.goto("file://" + report);
    await page.getByText("Settings of the fix").waitFor({ timeout: patience });
    const broken = await page.evaluate(() => [...document.images].filter((image) => !image.naturalWidth).length);
    assert.equal(broken, 0);
    await check(page, "report-" + name);
    await context.close();
  }
});

test("many runs come and go", async () => {
  const page = await open();
  for (let k = 0; k < 60; k++) fs.writeFileSync(file("many" + String(k).padStart(2, "0") + ".jsonl"), header(["a", "b"]) + samples(0, 80 + (k % 7), k === 31 ? 50 : 1000));
  await page.getByText("62 runs", { exact: false }).waitFor({ timeout: patience });
  await check(page, "list-many");
  const theme = page.getByRole("button", { name: /Theme/ });
  await theme.click();
  await theme.click();
  assert.equal(await theme.textContent(), "Theme: dark");
  await check(page, "list-many-dark");
  for (let k = 0; k < 60; k++) fs.unlinkSync(file("many" + String(k).padStart(2, "0") + ".jsonl"));
  await page.getByText("2 runs:", { exact: false }).waitFor({ timeout: patience });
  await page.context().close();
});
