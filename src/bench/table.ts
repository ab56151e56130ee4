/** Rows of cells as text; the first row is the head, the first column is read from the left. */
export type Rows = readonly (readonly string[])[]

/** For the terminal: every column as wide as its widest cell. */
export function alignedTable(rows: Rows): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)))
  return rows.map((cells) => cells.map((cell, i) => pad(cell, i, widths[i]!)).join('  ')).join('\n')
}

export function markdownTable([head, ...rows]: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = `|${head!.map((_, i) => (i === 0 ? '---' : '---:')).join('|')}|`
  return [line(head!), rule, ...rows.map(line)].join('\n')
}

function pad(cell: string, column: number, width: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width)
}
