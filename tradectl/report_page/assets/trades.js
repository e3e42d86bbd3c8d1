"use strict";
/* The table of trades: find, filter and sort; a trade opens as candles. */
const Trades = (() => {
  const TRADE = ["symbol", "instrument", "entry", "exit", "days", "quantity", "entryPrice", "exitPrice", "gross", "charges", "net", "percent", "entryRule", "exitRule", "why", "entryAt", "exitAt", "targets", "minutes"];
  const PAGE = 100;
  const minus = (text) => text.replace("-", "−");
  const money = (paise) => (paise > 0 ? "+" : "") + Charts.rupees(paise / 100);
  const COLUMNS = [
    ["symbol", "Symbol", (t) => t.symbol],
    ["entry", "Bought", (t) => t.entry, "nb"],
    ["exit", "Sold", (t) => t.exit || "held", "nb"],
    ["days", "Days", (t) => String(t.days), "n"],
    ["quantity", "Shares", (t) => t.quantity.toLocaleString("en-IN"), "n"],
    ["entryPrice", "At", (t) => Charts.rupees(t.entryPrice / 100), "n"],
    ["exitPrice", "Sold at", (t) => (t.exitPrice === null ? "no bar" : Charts.rupees(t.exitPrice / 100)), "n"],
    ["charges", "Charges", (t) => Charts.rupees(t.charges / 100), "n"],
    ["net", "Net", (t) => money(t.net), "n"],
    ["percent", "Net %", (t) => minus((t.percent > 0 ? "+" : "") + t.percent.toFixed(2)), "n"],
    ["exitRule", "Exit", (t) => t.exitRule.replace("_", " ")],
  ];
  let all = [], shown = [], limit = PAGE, key = "exit", order = -1, names = {};
  const element = (name, attributes = {}, text = "") => {
    const made = document.createElement(name);
    for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
    if (text) made.textContent = text;
    return made;
  };
  const by = (id) => document.getElementById(id);

  function select() {
    const words = by("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const which = by("which").value;
    const fits = { all: () => true, gain: (t) => t.exit && t.net > 0, loss: (t) => t.exit && t.net < 0, held: (t) => !t.exit }[which];
    shown = all.filter((t) => fits(t) && words.every((word) => t.text.includes(word)));
    const value = (t) => (key === "exit" ? t.exit || "9999" : t[key] === null ? -Infinity : t[key]);
    shown.sort((a, b) => (value(a) < value(b) ? -order : value(a) > value(b) ? order : a.place - b.place));
  }
  function draw() {
    select();
    const body = by("trades").tBodies[0];
    body.replaceChildren(...shown.slice(0, limit).map(row));
    const net = shown.reduce((sum, t) => sum + (t.exit ? t.net : 0), 0);
    by("shown").textContent = `${Math.min(limit, shown.length)} of ${shown.length} shown; net of the closed ones ${money(net)}`;
    by("more").hidden = shown.length <= limit;
    for (const head of by("trades").tHead.querySelectorAll("th")) {
      head.setAttribute("aria-sort", head.dataset.key !== key ? "none" : order > 0 ? "ascending" : "descending");
      head.querySelector("span").textContent = head.dataset.key !== key ? "" : order > 0 ? " ▲" : " ▼";
    }
    by("sort").value = key; by("order").value = String(order);
  }
  function row(t) {
    const made = element("tr");
    for (const [name, label, text, kind] of COLUMNS) {
      const cell = element(name === "symbol" ? "th" : "td", { "data-label": label, class: (kind || "") + (name === "net" || name === "percent" ? (t.net > 0 ? " gain" : t.net < 0 ? " loss" : "") : "") });
      if (name === "symbol") {
        cell.scope = "row";
        const button = element("button", { type: "button", class: "open" }, t.symbol);
        button.addEventListener("click", () => open(t));
        cell.append(button);
      } else cell.textContent = text(t);
      made.append(cell);
    }
    return made;
  }

  function facts(t) {
    const list = element("dl", { class: "facts" });
    const put = (name, text) => { if (!text) return; const box = element("div"); box.append(element("dt", {}, name), element("dd", {}, text)); list.append(box); };
    put("Bought", [`${t.entry} ${t.entryAt}`.trim(), t.entryRule].filter(Boolean).join(", "));
    put("Sold", t.exit ? [`${t.exit} ${t.exitAt}`.trim(), t.exitRule.replace("_", " ")].filter(Boolean).join(", ") : "still held");
    put("Shares", `${t.quantity.toLocaleString("en-IN")}, ${t.days === 0 ? "same day" : t.days === 1 ? "1 day" : t.days + " days"}`);
    put("Prices", `${Charts.rupees(t.entryPrice / 100)} to ${t.exitPrice === null ? "no bar" : Charts.rupees(t.exitPrice / 100)}`);
    put("Gross and charges", `${money(t.gross)}, ${Charts.rupees(t.charges / 100)}`);
    for (const level of t.levels) put(level.name, Charts.rupees(level.price / 100));
    put("Net", `${money(t.net)} (${minus(t.percent.toFixed(2))} %)`);
    return list;
  }
  /* Fill `holder` with the facts and charts of a trade. */
  async function show(holder, t) {
    holder.querySelectorAll(".chart").forEach(Charts.clear);
    holder.replaceChildren(facts(t));
    if (t.why) holder.append(element("p", { class: "quiet" }, `Why: ${t.why}`));
    const candles = (await Candles.of(t.instrument)) || [];
    if (!candles.length) { holder.append(element("p", {}, "No bars of this symbol are stored, so there is no chart.")); return; }
    const legend = element("ul", { class: "legend" });
    const entries = [["fast", names.fast], ["slow", names.slow], ["target", "target of the sell order"], ["volume", "volume"]];
    for (const [color, name] of entries) {
      const item = element("li");
      item.innerHTML = '<svg viewBox="0 0 14 7" aria-hidden="true"><line x1="0" x2="14" y1="3.5" y2="3.5" stroke-width="3"></line></svg>';
      item.querySelector("line").setAttribute("stroke", `var(--${color})`);
      item.append(name); legend.append(item);
    }
    if (t.levels.length) legend.append(element("li", {}, `dotted: ${t.levels.map((level) => level.name.toLowerCase()).join(", ")}`));
    legend.append(element("li", {}, `B bought, S sold; below: ${names.rsi}`));
    const chart = element("div", { class: "chart tall", role: "img", "aria-label": `Candles of ${t.symbol} from ${t.entry} to ${t.exit || "the end"}, with indicators, entry, exit and target` });
    holder.append(legend, chart);
    Charts.trade(chart, t, candles);
    if (t.minutes.length) {
      const day = element("div", { class: "chart low", role: "img", "aria-label": `Price and target of ${t.symbol} on ${t.exit}, minute by minute` });
      holder.append(element("h3", {}, `${t.exit}: price and falling target, minute by minute`), day);
      Charts.minutes(day, t.minutes);
    }
  }
  let place = 0;
  async function open(t) {
    const dialog = by("trade");
    place = shown.indexOf(t);
    by("trade-title").textContent = `${t.symbol} ${t.exit ? money(t.net) : "held"}`;
    by("before").disabled = place <= 0; by("after").disabled = place < 0 || place >= shown.length - 1;
    if (!dialog.open) dialog.showModal();
    await show(by("trade-body"), t);
    dialog.scrollTop = 0;
  }

  function start(data) {
    names = data.names;
    all = data.trades.map((values, i) => {
      const t = { place: i };
      TRADE.forEach((name, j) => (t[name] = values[j]));
      t.levels = t.exit ? [] : data.levels?.[t.symbol] || [];
      t.text = `${t.symbol} ${t.entry} ${t.exit} ${t.entryRule} ${t.exitRule}`.toLowerCase();
      return t;
    });
    if (!by("trades")) return;
    const head = element("tr");
    for (const [name, label, , kind] of COLUMNS) {
      const cell = element("th", { scope: "col", class: kind || "", "data-key": name });
      const button = element("button", { type: "button" }, label);
      button.append(element("span", { "aria-hidden": "true" }));
      button.addEventListener("click", () => { order = key === name ? -order : 1; key = name; draw(); });
      cell.append(button); head.append(cell);
      by("sort").append(element("option", { value: name }, label));
    }
    by("trades").tHead.append(head);
    by("filter").hidden = false;
    by("filter").addEventListener("submit", (event) => event.preventDefault());
    by("find").addEventListener("input", () => { limit = PAGE; draw(); });
    by("which").addEventListener("change", draw);
    by("sort").addEventListener("change", () => { key = by("sort").value; draw(); });
    by("order").addEventListener("change", () => { order = Number(by("order").value); draw(); });
    by("more").addEventListener("click", () => { limit += 5 * PAGE; draw(); });
    by("close").addEventListener("click", () => by("trade").close());
    by("before").addEventListener("click", () => open(shown[place - 1]));
    by("after").addEventListener("click", () => open(shown[place + 1]));
    addEventListener("beforeprint", () => { if (all.length <= 1000) { limit = all.length; draw(); } });
    draw();
  }
  /* Draw the charts of a few trades below the table, so that a day's report shows all of them at once. */
  async function inline(most) {
    if (!all.length || all.length > most) return;
    for (const t of all) {
      const article = element("article");
      article.append(element("h3", {}, `${t.symbol} ${t.exit ? money(t.net) : "held"}`));
      const body = element("div");
      article.append(body);
      by("inline").append(article);
      await show(body, t);
    }
  }
  return { start, inline };
})();
