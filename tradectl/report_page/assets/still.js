"use strict";
/* The start of a page without charts. */
Theme.start();
document.documentElement.dataset.ready = "yes";
