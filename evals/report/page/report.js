// The table of samples: it sorts, filters and turns pages. All rows are in the page as JSON; only
// those of one page are elements, which `sample.js`, in the same script, makes of them.
"use strict";

const PAGE = 100;
const { names, errors, separator, audio_kind, rows } = JSON.parse(
  document.getElementById("data").textContent,
);
const several = names.length > 1;
const state = { sort: "badness", descending: true, page: 0, shown: rows };

// ── numbers as texts ─────────────────────────────────────────────────────────

function percent(value) {
  return value === undefined ? "–" : `${(100 * value).toFixed(1)} %`;
}

function signed(value) {
  return value === null ? "–" : `${value > 0 ? "+" : value < 0 ? "-" : ""}${percent(Math.abs(value))}`;
}

// A latency is unknown where the samples were sent as a batch.
function seconds(latency) {
  return latency == null ? "–" : `${latency.toFixed(2)} s`;
}

// ── what the columns hold ────────────────────────────────────────────────────

function score(row, run) {
  return row.cells[run]?.score ?? null;
}

function difference(row, run) {
  const [before, after] = [score(row, 0), score(row, run)];
  return before === null || after === null ? null : after - before;
}

function worse(value) {
  return errors ? value : -value;
}

// The worst score of any run. Words that were invented in silence have no rate: they are beyond all.
function badness(row) {
  const scored = row.cells.filter((cell) => cell?.fraction !== undefined);
  return scored.length ? Math.max(...scored.map((cell) => worse(cell.score ?? Infinity))) : null;
}

function failed(row) {
  return row.cells.some((cell) => cell?.status === "failed");
}

function wrong(row) {
  return (badness(row) ?? -Infinity) > worse(errors ? 0 : 1);
}

function scoreText(row, run) {
  const cell = row.cells[run];
  if (!cell) return "not sent";
  if (cell.fraction === undefined) return "not scored";
  if (errors) return cell.score === undefined ? cell.fraction : `${percent(cell.score)} (${cell.fraction})`;
  return cell.score === 1 ? "right" : cell.score === 0 ? "wrong" : `${percent(cell.score)} (${cell.fraction})`;
}

function statusText(row) {
  const bad = names.filter((_, run) => row.cells[run]?.status === "failed");
  if (!bad.length) return "ok";
  return several ? `failed: ${bad.join(", ")}` : "failed";
}

function columns() {
  const of = (name) => (several ? ` ${name}` : "");
  const found = [{ name: "sample", title: "sample", value: (row) => row.id, text: null }];
  names.forEach((name, run) => {
    found.push({
      name: `score-${run}`,
      title: `score${of(name)}`,
      number: true,
      value: (row) => score(row, run),
      text: (row) => scoreText(row, run),
    });
    if (run > 0) {
      found.push({
        name: `difference-${run}`,
        title: `${name} − ${names[0]}`,
        number: true,
        value: (row) => difference(row, run),
        text: (row) => signed(difference(row, run)),
      });
    }
  });
  names.forEach((name, run) => {
    found.push({
      name: `latency-${run}`,
      title: `latency${of(name)}`,
      number: true,
      value: (row) => row.cells[run]?.latency ?? null,
      text: (row) => seconds(row.cells[run]?.latency),
    });
  });
  found.push({ name: "status", title: "status", value: statusText, text: statusText });
  return found;
}

const COLUMNS = columns();
const SORTS = Object.fromEntries(COLUMNS.map((column) => [column.name, column.value]));
SORTS.badness = badness;

// ── sorting and filtering ────────────────────────────────────────────────────

const FILTERS = {
  all: () => true,
  wrong,
  right: (row) => !wrong(row) && !failed(row),
  failed,
  different: (row) => difference(row, names.length - 1) !== 0,
  better: (row) => worse(difference(row, names.length - 1)) < 0,
  worse: (row) => worse(difference(row, names.length - 1)) > 0,
};

function words(row) {
  const texts = [row.id, row.question, row.target, row.clip];
  for (const cell of row.cells) texts.push(cell?.answer, cell?.error);
  return texts.filter(Boolean).join("\n").toLowerCase();
}

function compare(a, b) {
  const [x, y] = [SORTS[state.sort](a), SORTS[state.sort](b)];
  // Unknown values come last, in either direction.
  if (x === null || y === null) return (x === null) - (y === null);
  const order = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y || 0;
  return state.descending ? -order : order;
}

function refresh() {
  const wanted = document.getElementById("search").value.trim().toLowerCase();
  const keep = FILTERS[document.getElementById("which").value];
  state.shown = rows.filter((row) => keep(row) && (!wanted || words(row).includes(wanted)));
  state.shown.sort(compare);
  state.page = 0;
  draw();
}

function sortBy(name) {
  const column = COLUMNS.find((each) => each.name === name);
  // Numbers begin with the largest, texts with the first.
  state.descending = state.sort === name ? !state.descending : Boolean(column.number);
  state.sort = name;
  refresh();
}

// ── the table ────────────────────────────────────────────────────────────────

function head() {
  const cells = COLUMNS.map((column) => {
    const button = make("button", { type: "button", className: "sort" }, column.title);
    button.addEventListener("click", () => sortBy(column.name));
    const cell = make("th", { scope: "col", className: column.number ? "number" : "" }, button);
    cell.dataset.column = column.name;
    return cell;
  });
  return make("thead", {}, make("tr", {}, ...cells));
}

function draw() {
  const table = document.getElementById("table");
  const pages = Math.max(1, Math.ceil(state.shown.length / PAGE));
  const first = state.page * PAGE;
  const part = state.shown.slice(first, first + PAGE);
  // The head stays, and with it the focus on a button in it.
  for (const body of [...table.tBodies]) body.remove();
  table.append(...part.map(sample));
  for (const cell of table.tHead.rows[0].cells) {
    const sorted = cell.dataset.column === state.sort;
    cell.setAttribute("aria-sort", sorted ? (state.descending ? "descending" : "ascending") : "none");
  }
  const range = part.length ? `${first + 1} to ${first + part.length} of ` : "";
  document.getElementById("count").textContent =
    `${range}${state.shown.length} samples` +
    (state.shown.length < rows.length ? ` (of ${rows.length} in all)` : "") +
    (state.sort === "badness" ? ", the worst first" : "");
  document.getElementById("place").textContent = `Page ${state.page + 1} of ${pages}`;
  document.getElementById("pages").hidden = pages === 1;
  document.getElementById("previous").disabled = state.page === 0;
  document.getElementById("next").disabled = state.page === pages - 1;
}

function turn(step) {
  state.page += step;
  draw();
  document.getElementById("samples").scrollIntoView();
}

document.getElementById("table").append(head());
document.getElementById("filter").hidden = false;
document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
document.getElementById("search").addEventListener("input", refresh);
document.getElementById("which").addEventListener("change", refresh);
document.getElementById("previous").addEventListener("click", () => turn(-1));
document.getElementById("next").addEventListener("click", () => turn(1));
refresh();
