"use strict";
/* The start of the page of a report. */
(async () => {
  Theme.start();
  const data = JSON.parse(document.getElementById("data").textContent);
  const equity = document.getElementById("equity");
  if (equity) Charts.equity(equity, document.getElementById("legend"), data);
  Trades.start(data);
  if (data.first === data.last) await Trades.inline(12);
  document.documentElement.dataset.ready = "yes";
})();
