/** To the precision of a table. @param {number} value */
export function rounded(value) {
  return Number(value.toFixed(3));
}

/**
 * Encodes a table as CSV (RFC 4180); missing values are empty.
 *
 * @param {Record<string, string | number | boolean | null>[]} rows with the same keys, which are the columns
 * @param {string[]} [columns] those of a table without rows
 */
export function csvOf(rows, columns = []) {
  if (rows.length > 0) columns = Object.keys(rows[0]);
  const cell = (/** @type {string | number | boolean | null} */ value) => {
    const text = String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows.map((row) => columns.map((column) => row[column]))].map((cells) => `${cells.map(cell).join(",")}\n`).join("");
}
