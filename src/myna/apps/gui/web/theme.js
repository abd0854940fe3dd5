// Runs before the first drawing, so that a chosen theme does not flash.
const chosen = localStorage.getItem("myna-theme");
if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
