// A pressed column heading sorts its table, Escape closes enlarged pictures. Numbers of a column have equally many decimals, so
// that they sort as text.
const collator = new Intl.Collator("en", { numeric: true });
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.ariaSort === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.ariaSort = down ? "descending" : "ascending";
      const text = (row) => row.cells[column].textContent;
      const absent = (row) => text(row) === "–";
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => absent(a) - absent(b) || collator.compare(text(a), text(b)) * (down ? -1 : 1));
      table.tBodies[0].append(...rows);
    });
  });
}
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") document.querySelectorAll("details.card[open]").forEach((card) => (card.open = false));
});
