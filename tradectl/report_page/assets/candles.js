"use strict";
/* The candles, which are compressed in the page and read once for each text. */
const Candles = (() => {
  let text = null, read = null;
  async function unpack() {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }
  const sums = (values) => { let sum = 0; return values.map((value) => (sum += value)); };
  const day = (ordinal) => new Date((ordinal - 719163) * 864e5).toISOString().slice(0, 10);
  async function of(instrument) {
    const now = document.getElementById("candles").textContent.trim();
    if (now !== text) { text = now; read = unpack(); }
    const columns = (await read)[instrument];
    if (!columns) return null;
    const [days, open, high, low, close, , fast, slow, rsi] = columns.map(sums);
    return days.map((ordinal, i) => ({ time: day(ordinal), open: open[i] / 100, high: high[i] / 100, low: low[i] / 100, close: close[i] / 100, volume: columns[5][i] * 100, fast: fast[i] / 100, slow: slow[i] / 100, rsi: rsi[i] / 10 }));
  }
  return { of };
})();
