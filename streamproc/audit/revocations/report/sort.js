"use strict";
// Without this script the tables are as readable, only not sortable.
for (const table of document.querySelectorAll("table[data-sortable]")) {
  const body = table.tBodies[0];
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th[aria-sort]").forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const number = head.classList.contains("number");
      const rows = Array.from(body.rows, (row) => {
        const text = row.cells[column].textContent;
        return [number ? parseFloat(text) : text, row];
      });
      const empty = (key) => (number ? Number.isNaN(key) : key === "");
      const sign = down ? -1 : 1;
      rows.sort(([a], [b]) => {
        if (empty(a) || empty(b)) return empty(a) - empty(b); // last, either way
        return sign * (number ? a - b : a < b ? -1 : a > b ? 1 : 0);
      });
      body.remove(); // out of the page, moving a row costs next to nothing
      body.append(...rows.map(([, row]) => row));
      table.append(body);
    });
  });
}
