"use strict";
/* Keep the page current: read its live part again every few seconds, and replace it where it changed. */
(() => {
  const live = document.getElementById("live"), read = document.getElementById("read"), stale = document.getElementById("stale");
  const every = Number(live.dataset.every) * 1000;
  let revision = live.dataset.revision, timer = 0;

  async function draw() {
    const data = document.getElementById("data");
    if (!data) return;
    const content = JSON.parse(data.textContent), equity = document.getElementById("equity");
    if (equity) Charts.equity(equity, document.getElementById("legend"), content);
    Trades.start(content);
    await Trades.inline(40);
  }
  /* Replace the live part; what has the focus, by its place, keeps it. */
  async function replace(text) {
    const reachable = () => [...live.querySelectorAll("a, button, summary, [tabindex]")];
    const place = reachable().indexOf(document.activeElement);
    if (typeof Charts !== "undefined") live.querySelectorAll(".chart").forEach(Charts.clear);
    live.innerHTML = text;
    reachable()[place]?.focus({ preventScroll: true });
    await draw();
  }
  function old(why) {
    stale.textContent = `Not current: ${why}. These values were read at ${read.textContent}.`;
    stale.hidden = false;
    live.classList.add("old");
  }
  async function look() {
    clearTimeout(timer);
    try {
      const reply = await fetch(live.dataset.source, { cache: "no-store", headers: { "If-None-Match": `"${revision}"` }, signal: AbortSignal.timeout(20000) });
      const readAt = reply.headers.get("X-Read-At");
      if (reply.status === 403) old("the token is no longer valid, load the page again");
      else if (!readAt && reply.status !== 503) old(`tradectl replied ${reply.status}`);
      else {
        if (reply.status !== 304) { await replace(await reply.text()); revision = reply.headers.get("ETag").slice(1, -1); }
        document.title = reply.headers.get("X-Title");
        stale.hidden = true;
        live.classList.remove("old");
        if (readAt) read.textContent = readAt;
      }
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException)) throw error;
      old("tradectl serve does not reply");
    } finally {
      if (!document.hidden) timer = setTimeout(look, every);
    }
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) clearTimeout(timer); else look(); });
  Theme.start();
  draw().then(() => { document.documentElement.dataset.ready = "yes"; timer = setTimeout(look, every); });
})();
