// The elements of one sample: its cells, its texts, its player. A part of the script that begins with
// `report.js`. Texts become text nodes, never markup: they come from models.

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function player(row) {
  if (row.embedded === undefined && row.linked === undefined) return null;
  const button = make("button", { type: "button", className: "play" }, "Play");
  button.setAttribute("aria-label", `Play the recording of ${row.id}`);
  button.addEventListener("click", () => {
    const source =
      row.embedded === undefined
        ? row.linked
        : `data:${audio_kind};base64,${document.getElementById(`clip-${row.embedded}`).textContent}`;
    const audio = make("audio", { controls: true, src: source });
    audio.setAttribute("aria-label", `The recording of ${row.id}`);
    audio.addEventListener("error", () =>
      audio.replaceWith(make("span", { className: "bad" }, "The recording cannot be played.")),
    );
    button.closest("tbody").querySelector(".box").prepend(audio);
    button.remove();
    audio.focus();
    audio.play().catch(() => {}); // Without leave to play, its controls are there.
  });
  return button;
}

function piece([operation, target, answer], between) {
  if (operation === "equal") return `${target}${between}`;
  const missing = target ? make("del", {}, target) : null;
  const added = answer ? make("ins", {}, answer) : null;
  const both = missing && added ? make("span", { className: "swap" }, missing, added) : missing ?? added;
  return make("span", {}, both, between);
}

function joined(pieces, side) {
  return pieces.map((each) => each[side]).filter(Boolean).join(separator);
}

function line(term, ...content) {
  return make("p", {}, make("span", { className: "term" }, term), " ", ...content);
}

function weights(cell, row) {
  const body = cell.loglikelihoods.map(({ choice, value, tokens }) =>
    make(
      "tr",
      {},
      make(
        "th",
        { scope: "row" },
        choice,
        choice === row.target ? make("span", { className: "good" }, " target") : null,
        choice === cell.answer ? make("strong", {}, " answer") : null,
      ),
      make("td", { className: "number" }, value.toFixed(3)),
      make("td", { className: "number" }, String(tokens)),
    ),
  );
  const heads = ["choice", "loglikelihood", "tokens"].map((title) => make("th", { scope: "col" }, title));
  return make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...body));
}

function answered(row, run) {
  const cell = row.cells[run];
  const box = make("div", { className: "answer" });
  if (several) box.append(make("span", { className: `letter series-${run}` }, names[run]), " ");
  if (!cell) return make("div", { className: "answer soft" }, `${names[run]} did not send this sample.`);
  if (cell.error) box.append(line("failed", make("span", { className: "bad" }, cell.error)));
  if (cell.loglikelihoods) box.append(weights(cell, row));
  else if (cell.pieces) {
    box.append(make("p", { className: "pieces" }, ...cell.pieces.map((each) => piece(each, separator))));
  }
  const shown = cell.loglikelihoods || (cell.pieces && joined(cell.pieces, 2) === cell.answer);
  if (cell.answer !== undefined && !shown) box.append(line("answer", cell.answer || "(empty)"));
  if (cell.compared) box.append(line("compared", `${cell.compared[0]} / ${cell.compared[1] || "(empty)"}`));
  if (cell.notes) box.append(make("p", { className: "soft" }, cell.notes.join(", ")));
  return box;
}

function texts(row) {
  const found = [];
  if (row.question) found.push(line("question", row.question));
  // An alignment shows the target as well, unless the normaliser changed it.
  const aligned = row.cells.some((cell) => cell?.pieces && joined(cell.pieces, 1) === row.target);
  if (!aligned) found.push(line("target", row.target || "(empty)"));
  const answers = make("div", { className: "answers" }, ...names.map((_, run) => answered(row, run)));
  return make("td", { colSpan: COLUMNS.length }, make("div", { className: "box" }, ...found, answers));
}

function sample(row) {
  const name = row.repeat ? `${row.id}, repeat ${row.repeat}` : row.id;
  const cells = COLUMNS.slice(1).map((column) =>
    make("td", { className: column.number ? "number" : "" }, column.text(row)),
  );
  const head = make("th", { scope: "row" }, make("span", { className: "id" }, name), " ", player(row));
  const body = make("tbody", {}, make("tr", {}, head, ...cells), make("tr", { className: "texts" }, texts(row)));
  if (failed(row)) body.className = "failed";
  return body;
}
