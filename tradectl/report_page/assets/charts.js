"use strict";
/* Draw the charts with Lightweight Charts. Prices come in paise and are drawn in rupees. */
const Charts = (() => {
  const L = LightweightCharts;
  const rupees = (value) => (value < 0 ? "−" : "") + Math.abs(value).toLocaleString("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const whole = (value) => (value < 0 ? "−" : "") + Math.round(Math.abs(value)).toLocaleString("en-IN");
  const per = (value) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(1) + " %";
  const MONEY = { type: "custom", formatter: rupees, minMove: 0.01 };
  const drawn = new Map();

  function look() {
    return {
      layout: { background: { color: Theme.color("paper") }, textColor: Theme.color("quiet"), attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily, panes: { separatorColor: Theme.color("line") } },
      grid: { vertLines: { color: Theme.color("line") }, horzLines: { color: Theme.color("line") } },
      rightPriceScale: { borderColor: Theme.color("line"), entireTextOnly: true },
      timeScale: { borderColor: Theme.color("line") },
    };
  }

  /* Make a chart in an element. `colors` returns the options of each series in the present theme, by its name. */
  function make(element, options, build) {
    clear(element);
    const chart = L.createChart(element, { autoSize: true, handleScroll: { vertTouchDrag: false }, ...look(), ...options });
    const parts = build(chart);
    const paint = () => { chart.applyOptions(look()); for (const [series, colors] of parts) series.applyOptions(colors()); };
    paint();
    drawn.set(element, { chart, paint });
    return chart;
  }
  function clear(element) {
    const known = drawn.get(element);
    if (known) { known.chart.remove(); drawn.delete(element); }
  }
  /* On paper each chart is a picture of itself: a canvas neither changes its width there nor is drawn again in time. */
  addEventListener("beforeprint", () => {
    for (const [element, { chart, paint }] of drawn) {
      paint();
      const picture = document.createElement("img");
      picture.src = chart.takeScreenshot().toDataURL();
      picture.alt = element.getAttribute("aria-label");
      element.append(picture);
      element.classList.add("printed");
    }
  });
  addEventListener("afterprint", () => {
    for (const element of drawn.keys()) {
      element.querySelectorAll("img").forEach((picture) => picture.remove());
      element.classList.remove("printed");
    }
  });
  Theme.changed(() => { for (const { paint } of drawn.values()) paint(); });

  function equity(element, legend, data) {
    const points = (values, factor) => data.days.map((time, i) => ({ time, value: values[i] / factor }));
    const lines = [["Net", data.equity, "fast", 0], ["Before charges", data.gross, "even", 2]];
    const shades = ["target", "slow"];
    Object.entries(data.benchmarks).forEach(([name, values], i) => lines.push([name, values, shades[i % 2], i ? 1 : 0]));
    legend.innerHTML = "";
    const key = (name, color, dash) => {
      const item = document.createElement("li");
      item.innerHTML = '<svg viewBox="0 0 14 7" aria-hidden="true"><line x1="0" x2="14" y1="3.5" y2="3.5" stroke-width="2"></line></svg>';
      item.querySelector("line").setAttribute("stroke", "var(--" + color + ")");
      if (dash) item.querySelector("line").setAttribute("stroke-dasharray", "3 2");
      item.append(name);
      legend.append(item);
    };
    make(element, {}, (chart) => {
      const parts = lines.map(([name, values, color, style]) => {
        key(name, color, style);
        const series = chart.addSeries(L.LineSeries, { lineWidth: 2, lineStyle: style, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", formatter: whole, minMove: 1 } });
        series.setData(points(values, 100));
        return [series, () => ({ color: Theme.color(color) })];
      });
      const under = chart.addSeries(L.BaselineSeries, { baseValue: { type: "price", price: 0 }, priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", formatter: per }, lineWidth: 1 }, 1);
      under.setData(data.days.map((time, i) => ({ time, value: data.drawdown[i] * 100 })));
      parts.push([under, () => ({ topLineColor: Theme.color("loss"), bottomLineColor: Theme.color("loss"), bottomFillColor1: Theme.color("l1"), bottomFillColor2: Theme.color("l2") })]);
      const share = chart.addSeries(L.HistogramSeries, { priceLineVisible: false, lastValueVisible: false, priceFormat: { type: "custom", formatter: per } }, 2);
      share.setData(data.days.map((time, i) => ({ time, value: data.exposure[i] * 100 })));
      parts.push([share, () => ({ color: Theme.color("volume") })]);
      const panes = chart.panes();
      panes[0].setStretchFactor(6); panes[1].setStretchFactor(2); panes[2].setStretchFactor(1.5);
      key("Drawdown (below)", "loss"); key("Exposure (below)", "volume");
      fit(chart, data.days.length);
      return parts;
    });
  }
  /* Show all bars with a margin, so that no label of the first or last date is cut. */
  function fit(chart, count) {
    const width = Math.max(120, chart.options().width || chart.chartElement().clientWidth) - 80;
    const margin = Math.max(1, (count * 28) / (width - 56));
    chart.timeScale().setVisibleLogicalRange({ from: -margin, to: count - 1 + margin });
  }

  /* Draw the candles of one trade, from 40 bars before its entry to 10 after its exit. `t.levels`: prices of now, as lines. */
  function trade(element, t, candles) {
    const from = candles.findIndex((bar) => bar.time >= t.entry);
    const to = t.exit ? candles.findLastIndex((bar) => bar.time <= t.exit) : candles.length - 1;
    const bars = candles.slice(Math.max(0, (from < 0 ? 0 : from) - 40), to + 11);
    make(element, {}, (chart) => {
      const quiet = { priceLineVisible: false, lastValueVisible: false };
      const prices = t.levels.map((level) => level.price / 100);
      const autoscaleInfoProvider = (original) => {
        const found = original();
        if (found && found.priceRange) {
          found.priceRange.minValue = Math.min(found.priceRange.minValue, ...prices);
          found.priceRange.maxValue = Math.max(found.priceRange.maxValue, ...prices);
        }
        return found;
      };
      const main = chart.addSeries(L.CandlestickSeries, { ...quiet, priceFormat: MONEY, autoscaleInfoProvider });
      main.setData(bars);
      const volume = chart.addSeries(L.HistogramSeries, { ...quiet, priceScaleId: "", priceFormat: { type: "volume" } });
      volume.setData(bars.map((bar) => ({ time: bar.time, value: bar.volume })));
      volume.priceScale().applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
      const line = (field, color, options, pane = 0) => {
        const series = chart.addSeries(L.LineSeries, { ...quiet, lineWidth: 1, crosshairMarkerVisible: false, priceFormat: MONEY, ...options }, pane);
        series.setData(bars.map((bar) => (bar[field] ? { time: bar.time, value: bar[field] } : { time: bar.time })));
        return [series, () => ({ color: Theme.color(color) })];
      };
      const parts = [[main, () => ({ upColor: Theme.color("paper"), borderUpColor: Theme.color("up"), wickUpColor: Theme.color("up"), downColor: Theme.color("down"), borderDownColor: Theme.color("down"), wickDownColor: Theme.color("down") })],
        [volume, () => ({ color: Theme.color("volume") })], line("fast", "fast", {}), line("slow", "slow", {})];
      if (t.targets.length) {
        const known = new Map(t.targets);
        for (const run of runs(bars.filter((bar) => known.has(bar.time)), bars)) {
          const series = chart.addSeries(L.LineSeries, { ...quiet, lineWidth: 2, priceFormat: MONEY, lineType: L.LineType.WithSteps, pointMarkersVisible: run.length === 1 });
          series.setData(run.map((bar) => ({ time: bar.time, value: known.get(bar.time) / 100 })));
          parts.push([series, () => ({ color: Theme.color("target") })]);
        }
      }
      for (const level of t.levels) {
        const mark = main.createPriceLine({ price: level.price / 100, lineWidth: 1, lineStyle: 2, axisLabelVisible: true });
        parts.push([mark, () => ({ color: Theme.color(level.color), axisLabelColor: Theme.color(level.color), axisLabelTextColor: Theme.color("paper") })]);
      }
      const rsi = line("rsi", "fast", { priceFormat: { type: "custom", formatter: (value) => value.toFixed(0) } }, 1);
      rsi[0].createPriceLine({ price: 30, lineWidth: 1, lineStyle: 2, axisLabelVisible: false, color: "#888" });
      parts.push(rsi);
      const marks = [{ time: nearest(bars, t.entry), position: "belowBar", shape: "arrowUp", text: "B", color: Theme.color("up") }];
      if (t.exit) marks.push({ time: nearest(bars, t.exit), position: "aboveBar", shape: "arrowDown", text: "S", color: Theme.color("down") });
      const markers = L.createSeriesMarkers(main, marks);
      parts.push([{ applyOptions: () => markers.setMarkers(marks.map((mark, i) => ({ ...mark, color: Theme.color(i ? "down" : "up") }))) }, () => ({})]);
      const panes = chart.panes();
      panes[0].setStretchFactor(4); panes[1].setStretchFactor(1);
      fit(chart, bars.length);
      return parts;
    });
  }
  /* Split bars into runs without a gap: on a session without a sell order there is no line. */
  function runs(some, bars) {
    const place = new Map(bars.map((bar, i) => [bar.time, i]));
    const found = [];
    some.forEach((bar, i) => {
      if (!i || place.get(bar.time) !== place.get(some[i - 1].time) + 1) found.push([]);
      found[found.length - 1].push(bar);
    });
    return found;
  }
  const nearest = (bars, day) => (bars.findLast((bar) => bar.time <= day) || bars[0]).time;

  /* Draw the session of an exit: the price and the target, minute by minute. */
  function minutes(element, points) {
    const clock = (minute) => { const at = 9 * 60 + 15 + minute; return String(Math.floor(at / 60)).padStart(2, "0") + ":" + String(at % 60).padStart(2, "0"); };
    make(element, { localization: { timeFormatter: (time) => clock(time / 60) }, timeScale: { timeVisible: true, tickMarkFormatter: (time) => clock(time / 60) } }, (chart) => {
      const parts = [[1, "quiet", 0], [2, "target", L.LineType.WithSteps]].map(([place, color, type]) => {
        const series = chart.addSeries(L.LineSeries, { lineWidth: 2, priceFormat: MONEY, lineType: type, priceLineVisible: false, lastValueVisible: false });
        series.setData(points.map((point) => ({ time: point[0] * 60, value: point[place] / 100 })));
        return [series, () => ({ color: Theme.color(color) })];
      });
      fit(chart, points.length);
      return parts;
    });
  }
  return { equity, trade, minutes, clear, rupees };
})();
