/** Reads comma- or tab-separated text into rows, quotes and line breaks within quotes included. */
export function parseTable(text: string, separator: string, most = 200): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const end = () => {
    row.push(cell);
    cell = "";
  };
  for (let index = 0; index < text.length && rows.length < most; index++) {
    const char = text[index] as string;
    if (quoted) {
      if (char !== '"') cell += char;
      else if (text[index + 1] === '"') {
        cell += '"';
        index += 1;
      } else quoted = false;
    } else if (char === '"' && cell === "") quoted = true;
    else if (char === separator) end();
    else if (char === "\n") {
      end();
      rows.push(row);
      row = [];
    } else if (char !== "\r") cell += char;
  }
  if ((cell !== "" || row.length > 0) && rows.length < most) {
    end();
    rows.push(row);
  }
  return rows;
}
