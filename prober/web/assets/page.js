// Pages work without this script. With it they keep up: the overview takes new
// rows from its stream, other pages fetch themselves again when their check has
// changed, and times go on. What it inserts was made by the server's templates.
"use strict";

const policy = window.trustedTypes
  ? trustedTypes.createPolicy("authprober", { createHTML: (html) => html })
  : { createHTML: (html) => html };

const parse = (html) => {
  const t = document.createElement("template");
  t.innerHTML = policy.createHTML(html);
  return t.content;
};

// Times: "for 4m10s", "in 3s", "12s ago".
const length = (ms) => {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s >= 172800) return `${Math.floor(s / 86400)} days`;
  if (s >= 3600) return `${Math.floor(s / 3600)}h${Math.floor((s % 3600) / 60)}m`;
  if (s >= 60) return `${Math.floor(s / 60)}m${s % 60}s`;
  return `${s}s`;
};

const tick = () => {
  const now = Date.now() - skew;
  for (const t of document.querySelectorAll("time[data-ago]")) {
    const at = Date.parse(t.dateTime);
    const way = t.dataset.ago;
    const text = way === "in" ? `in ${length(at - now)}` : way === "for" ? `for ${length(now - at)}` : `${length(now - at)} ago`;
    if (t.textContent !== text) t.textContent = text;
  }
};

let skew = 0; // of this machine's clock against the prober's

// The focus stays on the link of the same address when what is around it is replaced.
const replace = (old, fresh) => {
  const focus = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  old.replaceWith(fresh);
  if (focus) {
    for (const a of fresh.querySelectorAll("a")) {
      if (a.getAttribute("href") === focus) { a.focus({ preventScroll: true }); break; }
    }
  }
};

const healthy = 6; // the rank of a check that is in no trouble
const takeRows = (message) => {
  document.title = message.title;
  const summary = document.getElementById("summary");
  if (summary.dataset.html !== message.summary) { // so that nothing is read out twice
    summary.dataset.html = message.summary;
    summary.replaceChildren(parse(message.summary));
    summary.className = message.class;
  }
  const list = document.getElementById("checks");
  let moved = false;
  for (const row of message.rows || []) {
    const old = document.getElementById(row.id);
    const whole = list && "whole" in list.dataset;
    if (!old && !whole) continue; // it is filtered out, or on another page
    const fresh = parse(row.html).firstElementChild;
    if (!old) {
      if (fresh.dataset.rank < healthy) { list.append(fresh); moved = true; }
      continue;
    }
    moved ||= old.dataset.rank !== fresh.dataset.rank;
    replace(old, fresh);
  }
  if (moved && list) {
    const rows = [...list.children];
    rows.sort((a, b) => a.dataset.rank - b.dataset.rank || (a.id < b.id ? -1 : 1));
    const focus = document.activeElement;
    list.replaceChildren(...rows);
    if (list.contains(focus)) focus.focus({ preventScroll: true });
  }
};

// Fetch the page again and take over the parts that say they are live.
let fetching = false, again = false;
const refresh = async () => {
  if (fetching) { again = true; return; }
  fetching = true;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      const fresh = parse(await response.text());
      for (const part of document.querySelectorAll("[data-part]")) {
        const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
        if (other && other.innerHTML !== part.innerHTML) replace(part, other);
      }
    }
  } finally {
    setTimeout(() => { fetching = false; if (again) { again = false; refresh(); } }, 5000);
  }
};

const connection = document.getElementById("connection");
const say = (text, state) => {
  if (connection.textContent !== text) connection.textContent = text;
  connection.className = state;
};

const listen = () => {
  const stream = new EventSource(document.body.dataset.live);
  stream.onopen = () => say("live", "on");
  stream.onerror = () => {
    say("not connected", "off");
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  };
  stream.addEventListener("checks", (e) => {
    skew = Date.now() - Number(e.lastEventId);
    takeRows(JSON.parse(e.data));
    tick();
  });
  stream.addEventListener("check", refresh);
  stream.addEventListener("replaced", () => { // other checks, or another prober: this page is of the past
    stream.close();
    setTimeout(() => location.reload(), 1000);
  });
};

// Buttons that copy what stands in another element.
document.addEventListener("click", async (e) => {
  const button = e.target.closest("button[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
    button.textContent = "selected";
  }
});

// A plan takes a second or two to simulate, so it comes after the page.
const plan = document.querySelector("[data-plan]");
if (plan) {
  fetch(plan.dataset.plan).then((r) => (r.ok ? r.text() : Promise.reject(r.status))).then((text) => {
    const other = parse(text).querySelector("[data-plan-table]");
    if (other) plan.replaceChildren(other);
  }).catch(() => {});
}

for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = false;
if (document.body.dataset.live) listen();
setInterval(tick, 1000);
