// List of jobs. Rows are updated in place, so that their buttons keep their focus and stay under the pointer.
const list = document.createElement("div");
element.append(list);
const rows = new Map();

function made(parent, name, className) {
  const node = document.createElement(name);
  node.className = className;
  parent.append(node);
  return node;
}

function newRow(id) {
  const row = document.createElement("div");
  const line = made(row, "div", "job-line");
  const parts = { row, title: made(line, "b", ""), state: made(line, "span", "job-state") };
  parts.stop = made(line, "button", "job-stop");
  parts.stop.addEventListener("click", () => trigger("click", { job: id }));
  parts.bar = made(row, "progress", "");
  parts.error = made(row, "p", "job-error");
  parts.state.setAttribute("role", "status");
  return parts;
}

function show() {
  const jobs = props.value ?? [];
  for (const [id, parts] of rows) {
    if (!jobs.some((job) => job.id === id)) {
      parts.row.remove();
      rows.delete(id);
    }
  }
  jobs.forEach((job, place) => {
    if (!rows.has(job.id)) rows.set(job.id, newRow(job.id));
    const { row, title, state, stop, bar, error } = rows.get(job.id);
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
    row.className = `job ${job.state}`;
    title.textContent = job.title;
    if (state.textContent !== job.text) state.textContent = job.text;
    stop.hidden = job.stop === null;
    stop.textContent = job.stop ?? "";
    stop.setAttribute("aria-label", `${job.stop ?? ""} ${job.title}`);
    bar.hidden = !job.runs;
    bar.setAttribute("aria-label", job.title);
    if (job.fraction === null) bar.removeAttribute("value");
    else bar.value = job.fraction;
    error.hidden = !job.error;
    error.textContent = job.error ?? "";
  });
}

watch("value", show);
show();
