// Both players of a conversion share one position: shown in all its plots, and set by a click in any of them.
for (const article of document.querySelectorAll("article")) {
  const players = [...article.querySelectorAll("audio")];
  const plots = [...article.querySelectorAll(".plot")];
  const seconds = Number(article.dataset.seconds);
  const heads = plots.map((plot) => {
    const head = document.createElement("div");
    head.className = "playhead";
    plot.append(head);
    return head;
  });
  let position = 0;
  const show = (time) => {
    position = time;
    for (const head of heads) head.style.left = `${Math.min(100, (100 * time) / seconds)}%`;
  };
  const follow = (player) => {
    if (player.paused) return;
    show(player.currentTime);
    requestAnimationFrame(() => follow(player));
  };
  for (const player of players) {
    player.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== player) other.pause();
      if (Math.abs(player.currentTime - position) > 0.05 && position < seconds - 0.1) player.currentTime = position;
      follow(player);
    });
    player.addEventListener("seeked", () => show(player.currentTime));
  }
  for (const plot of plots) {
    plot.addEventListener("click", (event) => {
      const box = plot.getBoundingClientRect();
      show((seconds * (event.clientX - box.left)) / box.width);
      for (const player of players) player.currentTime = position;
    });
  }
  show(0);
}

// A click on a heading sorts the files by that column; another click reverses the order.
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((heading, column) => {
    let direction = 1;
    heading.addEventListener("click", () => {
      const key = (row) => row.cells[column].dataset.value ?? "";
      const number = (row) => (key(row) === "" ? Infinity : Number(key(row)));
      const rows = [...table.tBodies[0].rows].sort((one, other) =>
        column === 0 ? direction * key(one).localeCompare(key(other)) : direction * (number(one) - number(other)) || 0,
      );
      direction = -direction;
      table.tBodies[0].append(...rows);
    });
  });
}
