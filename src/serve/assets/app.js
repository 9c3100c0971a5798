// Shows what the server's event stream says. Everything from a stream becomes text, never markup.
"use strict";

const STATES = ["no_sample", "reference", "learning", "filling", "stable", "warning", "alarm", "no_surface", "nan", "worker_dead", "stale"];
const $ = (id) => document.getElementById(id);

/** An element with text and class; children are elements. */
function make(tag, { text, kind, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function number(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(1);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2).replace("-", "−");
}

function whole(value) {
  return value === null || value === undefined ? "–" : Math.round(value).toLocaleString("en");
}

function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 99.5) return seconds.toFixed(0) + " s";
  if (seconds < 99.5 * 60) return (seconds / 60).toFixed(0) + " min";
  if (seconds < 48 * 3600) return (seconds / 3600).toFixed(1) + " h";
  return (seconds / 86400).toFixed(1) + " d";
}

const words = (state) => (state === "nan" ? "undefined" : String(state).replaceAll("_", " "));
const known = (state) => (STATES.includes(state) ? state : "");
const badge = (state) => make("span", { kind: "badge " + known(state), text: words(state) });

// ---- list of runs ----

const rows = new Map();
const alarmsSeen = new Map();

function statusText(run) {
  if (run.status === "silent") return "silent for " + span(run.quiet_s);
  if (run.status === "reading" && run.behind_bytes > 0) return "reading, " + whole(run.behind_bytes / 1e6) + " MB to go";
  return run.status;
}

function row(run) {
  let parts = rows.get(run.id);
  if (!parts) {
    const link = make("a", { href: "#run=" + run.id });
    const cells = Array.from({ length: 9 }, (_, k) => make("td", { kind: k >= 2 ? "number" : "" }));
    const tr = make("tr", {}, make("th", { scope: "row" }, link), cells[1], cells[0], ...cells.slice(2));
    parts = { tr, link, cells, state: null };
    rows.set(run.id, parts);
  }
  setText(parts.link, run.name);
  setText(parts.cells[0], statusText(run));
  const state = run.detector === undefined ? "" : run.state;
  if (parts.state !== state) {
    parts.state = state;
    parts.cells[1].replaceChildren(...(state ? [badge(state)] : []));
    parts.tr.className = state === "alarm" ? "alarm" : state === "warning" ? "warning" : "";
  }
  const time = run.time_ps === null || run.time_ps === undefined ? "–" : number(run.time_ps) + " " + run.time_unit;
  [number(run.index), number(run.cusum), number(run.p_warning), time, span(run.seconds_left), whole(run.alarms), number(run.frames_per_s)]
    .forEach((text, k) => setText(parts.cells[k + 2], text));
  return parts.tr;
}

function showRuns({ runs, ignored }) {
  const body = $("runs");
  const wanted = runs.map(row);
  for (const [id, parts] of rows) {
    if (!runs.some((run) => run.id === id)) {
      parts.tr.remove();
      rows.delete(id);
    }
  }
  // Rows stay where they are while the keyboard is among them.
  const settled = wanted.length === body.children.length && body.contains(document.activeElement);
  if (!settled && wanted.some((tr, k) => body.children[k] !== tr)) body.append(...wanted);
  const counts = {};
  for (const run of runs) counts[run.status] = (counts[run.status] || 0) + 1;
  const alarmed = runs.filter((run) => run.alarms > 0).length;
  const list = Object.entries(counts).map(([status, count]) => count + " " + status).join(", ");
  setText($("counts"), runs.length + (runs.length === 1 ? " run: " : " runs: ") + list + "; " + alarmed + " with an alarm" + (ignored ? "; " + ignored + " more not followed" : ""));
  for (const run of runs) {
    const before = alarmsSeen.get(run.id);
    if (before !== undefined && run.alarms > before) setText($("news"), "Alarm in " + run.name + " at step " + whole(run.step));
    alarmsSeen.set(run.id, run.alarms || 0);
  }
  // A silence grows without any news of the run itself.
  const open = shown && runs.find((run) => run.id === shown.id);
  const status = $("facts").querySelector("dd");
  if (open && status) setText(status, statusText(open));
}

// ---- one run ----

let histories = [];
let shown = null;
let charts = null;
let alarmsShown = "";

function extend(history) {
  histories.length = history.length;
  history.forEach(({ from, points }, k) => {
    const old = histories[k] || { time_ps: [], index: [[], []], cusum: [[], []], p_warning: [[], []], state: [] };
    const join = (a, b) => a.slice(0, from).concat(b);
    histories[k] = {
      time_ps: join(old.time_ps, points.time_ps),
      state: join(old.state, points.state),
    };
    for (const name of ["index", "cusum", "p_warning"]) histories[k][name] = [0, 1].map((side) => join(old[name][side], points[name][side]));
  });
}

function definitions(list, pairs) {
  list.replaceChildren(...pairs.map(([name, text]) => make("div", {}, make("dt", { text: name }), make("dd", { text }))));
}

function card(part, k) {
  const drivers = make("table", {}, make("caption", { kind: "small", text: part.drivers.length ? "Index driven by" : "Drivers not known yet" }));
  for (const driver of part.drivers) {
    drivers.append(make("tr", {}, make("th", { scope: "row", text: driver.descriptor }),
      make("td", { kind: "number", text: (driver.sigmas > 0 ? "+" : "") + number(driver.sigmas) + " σ" }),
      make("td", { kind: "number", text: number(100 * driver.share) + " %" })));
  }
  const numbers = "index " + number(part.index) + ", CUSUM " + number(part.cusum) + ", P(warning) " + number(part.p_warning);
  const states = part.p_states.some((p) => p !== null)
    ? [make("p", { kind: "small", text: "stable " + number(part.p_states[0]) + ", reconstructing " + number(part.p_states[1]) + ", unstable " + number(part.p_states[2]) + (part.ood_p === null ? "" : ", out-of-distribution p " + number(part.ood_p)) })]
    : [];
  return make("article", { kind: k === 0 ? "card" : "card second" },
    make("h3", { text: part.name }), make("p", {}, badge(part.state)), make("p", { text: numbers }), ...states,
    make("p", { kind: "small", text: "verdict age " + whole(part.age_steps) + " steps, dropped windows " + whole(part.dropped) }), drivers);
}

function bars(run) {
  const end = Math.max(run.time_ps || 0, 1e-9);
  $("bars").replaceChildren(...run.interfaces.flatMap((part, k) => {
    const history = histories[k];
    if (!history) return [];
    const bar = make("div", { kind: "bar", role: "img" });
    const parts = [];
    let begin = 0;
    history.time_ps.forEach((time, i) => {
      const name = STATES[history.state[i]] || "none";
      const last = parts[parts.length - 1];
      if (last && last.name === name) last.to = time;
      else parts.push({ name, from: begin, to: time });
      begin = time;
    });
    for (const { name, from, to } of parts) {
      const piece = make("i", { kind: name, title: words(name) });
      piece.style.width = (100 * (to - from)) / end + "%";
      bar.append(piece);
    }
    const said = parts.slice(-12).map(({ name, from, to }) => words(name) + " " + number(from) + " to " + number(to)).join(", ");
    bar.setAttribute("aria-label", part.name + ": " + said);
    return [make("p", { kind: "small", text: part.name + ": " + said + " " + run.time_unit }), bar];
  }));
}

function alarm(entry, run) {
  const where = run.interfaces[entry.interface];
  const box = make("details", {}, make("summary", { text: (where ? where.name : "") + " at step " + whole(entry.window_end_step) + ", " + number(entry.time_ps) + " " + run.time_unit + ": score " + number(entry.score) }));
  box.append(make("p", { text: entry.reason }));
  const table = make("table", {}, make("caption", { kind: "small", text: "Descriptor, against the baseline, share of the index" }));
  for (const part of entry.top) {
    table.append(make("tr", {}, make("th", { scope: "row", text: part.descriptor }),
      make("td", { kind: "number", text: (part.sigmas > 0 ? "+" : "") + number(part.sigmas) + " σ" }),
      make("td", { kind: "number", text: number(100 * part.share) + " %" })));
  }
  if (entry.top.length) box.append(make("div", { kind: "scroll", tabindex: "0", role: "region", "aria-label": "Descriptors of the alarm at step " + whole(entry.window_end_step) }, table));
  box.append(make("p", { text: entry.atoms.length ? "Atoms of events within one lag before: " + entry.atoms.join(" ") : "No events with atoms were recorded just before (fix keyword label)." }));
  box.append(make("p", { kind: "small", text: "Known at step " + whole(entry.decision_step) + "; " + entry.windows + " windows over " + number(entry.threshold) + "; index " + number(entry.index) + "." }));
  if (run.blackbox) box.append(make("p", { kind: "small", text: "Flight recorder files start with " + run.blackbox }));
  return box;
}

function showAlarms(run) {
  const key = JSON.stringify(run.recent_alarms);
  if (key === alarmsShown) return;
  alarmsShown = key;
  const list = [...run.recent_alarms].reverse().map((entry) => alarm(entry, run));
  if (list.length) list[0].open = true;
  $("alarms").replaceChildren(...(list.length ? list : [make("p", { text: "None." })]));
}

function drawCharts(run) {
  if (!charts) charts = [new Chart($("index-chart")), new Chart($("second-chart"))];
  const judged = histories.some((history) => history.p_warning[1].some((p) => p !== null));
  setText($("second-title"), judged ? "Warning probability" : "CUSUM over its alarm level");
  const second = judged ? "p_warning" : "cusum";
  const times = run.recent_alarms.map((entry) => entry.time_ps);
  const table = (name) => histories.map((history) => [history.time_ps, history[name][1], history[name][0]]);
  const ready = histories.some((history) => history.time_ps.length > 0);
  if (!ready) return charts.forEach((chart) => chart.clear());
  charts[0].draw(table("index"), 1, times, run.time_unit, 1.25);
  charts[1].draw(table(second), run.threshold, times, run.time_unit, judged ? 1 : 1.25);
  const text = (name) => run.interfaces.map((part, k) => (k === 0 ? "solid: " : "dashed: ") + part.name + ", now " + number(part[name])).join("; ");
  setText($("index-text"), text("index") + "; dotted: 1, the baseline's 99th percentile");
  setText($("second-text"), text(second) + "; dotted: threshold " + number(run.threshold));
}

function showRun({ run, history }) {
  const gone = !run;
  $("run-message").hidden = true;
  if (gone) {
    setText($("run-title"), "This run is gone");
    return;
  }
  setText($("run-title"), run.name);
  document.title = (run.state === "alarm" ? "ALARM " : "") + run.name + " – foreshock";
  const message = run.halt ? "Stopped (" + run.halt.mode + ") at step " + whole(run.halt.step) + ": " + run.halt.reason : run.message;
  $("run-message").hidden = !message;
  setText($("run-message"), message || "");
  $("run-message").className = run.halt ? "message bad" : "message";
  extend(history);
  shown = run;
  if (!run.interfaces) return;
  $("interfaces").replaceChildren(...run.interfaces.map(card));
  definitions($("facts"), [
    ["Status", statusText(run)],
    ["Step", whole(run.step)],
    ["Time", number(run.time_ps) + " " + run.time_unit],
    ["Frames per second", number(run.frames_per_s)],
    ["Steps left", whole(run.steps_left)],
    ["Time left", span(run.seconds_left)],
    ["Dropped windows", whole(run.dropped)],
    ["Damaged lines", whole(run.damaged) + (run.last_damage ? " (" + run.last_damage.message + ")" : "")],
  ]);
  const events = Object.entries(run.events).map(([kind, count]) => kind + ": " + whole(count)).join(", ");
  definitions($("settings"), [
    ["Atoms", whole(run.atoms)], ["Groups", run.groups.join(" | ")], ["Detector", run.detector],
    ["Model", run.model_hash || "none"], ["Warn", number(run.threshold)], ["Persist", whole(run.persist) + " windows"],
    ["On alarm", "halt " + run.halt_mode], ["Sampled every", whole(run.every) + " steps of " + run.dt_ps + " " + run.time_unit],
    ["Baseline until", number(run.learned_ps) + " " + run.time_unit], ["Restarts", whole(run.restarts)],
    ["Recorded events", events || "none"], ["LAMMPS", run.lammps], ["Foreshock", run.foreshock],
  ]);
  drawCharts(run);
  bars(run);
  showAlarms(run);
}

// ---- connection, address, theme ----

let source = null;

function connect() {
  if (source) source.close();
  const match = /^#run=(\d{1,9})$/.exec(location.hash);
  histories = [];
  shown = null;
  alarmsShown = "";
  const open = match !== null;
  $("run").hidden = !open;
  $("list").hidden = open;
  document.title = "foreshock";
  if (open) {
    setText($("run-title"), "loading");
    ["interfaces", "facts", "bars", "alarms", "settings"].forEach((id) => $(id).replaceChildren());
    if (charts) charts.forEach((chart) => chart.clear());
  }
  source = new EventSource("/api/events" + (open ? "/" + match[1] : ""));
  source.onopen = () => {
    setText($("link"), "live");
    histories = [];
  };
  source.onerror = () => setText($("link"), "connection lost, trying again");
  source.addEventListener("runs", (event) => showRuns(JSON.parse(event.data)));
  source.addEventListener("run", (event) => showRun(JSON.parse(event.data)));
}

const THEMES = ["", "light", "dark"];
function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  setText($("theme"), "Theme: " + (theme || "automatic"));
  redraw();
}
function redraw() {
  if (!charts) return;
  charts.forEach((chart) => chart.clear());
  if (shown && shown.interfaces) drawCharts(shown);
}
function storedTheme() {
  try { return localStorage.getItem("theme") || ""; } catch { return ""; }
}
$("theme").addEventListener("click", () => {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme || "") + 1) % THEMES.length];
  try { localStorage.setItem("theme", next); } catch { /* a browser that keeps nothing */ }
  setTheme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
addEventListener("hashchange", () => {
  if (location.hash !== "" && !location.hash.startsWith("#run=")) return;
  connect();
  $("main").focus();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("run").hidden) location.hash = "";
});
addEventListener("pagehide", () => source && source.close());
addEventListener("pageshow", (event) => event.persisted && connect());
setTheme(storedTheme());
connect();
