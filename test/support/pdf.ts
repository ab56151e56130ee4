/** PDF files that tests write object by object, to be as odd as they need. */

/** An object's text, or a stream: its dictionary's entries and its bytes. */
export type PdfObject = string | { readonly entries?: string; readonly bytes: Uint8Array | string }

export interface PdfOptions {
  /** Entries of the trailer beside `/Size` and `/Root`. */
  readonly trailer?: string
}

/** A file of these objects, numbered from 1; the first is the catalogue. */
export function pdf(objects: readonly PdfObject[], { trailer = '' }: PdfOptions = {}): Buffer {
  const pieces: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')]
  let at = pieces[0]!.length
  const offsets: number[] = []
  const write = (piece: Buffer | string) => {
    const bytes = Buffer.from(piece as string, 'latin1')
    pieces.push(bytes)
    at += bytes.length
  }
  objects.forEach((object, i) => {
    offsets.push(at)
    write(`${i + 1} 0 obj\n`)
    if (typeof object === 'string') write(object)
    else {
      const bytes = Buffer.from(object.bytes as string, 'latin1')
      write(`<< ${object.entries ?? ''} /Length ${bytes.length} >>\nstream\n`)
      write(bytes)
      write('\nendstream')
    }
    write('\nendobj\n')
  })
  const start = at
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`)
  write(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows.join('')}`)
  write(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${start}\n`)
  write('%%EOF\n')
  return Buffer.concat(pieces)
}

export interface PageOptions {
  /** Points. */
  readonly width?: number
  readonly height?: number
  /** What is drawn. */
  readonly content?: string
  /** Entries of the page, such as `/Rotate 90`. */
  readonly entries?: string
}

/** A file of plain pages with Helvetica as `/F`; `more` are further objects, from number `4 + 2 × pages` on. */
export function pagesPdf(pages: readonly PageOptions[], more: readonly PdfObject[] = []): Buffer {
  const kids = pages.map((_, i) => `${4 + 2 * i} 0 R`).join(' ')
  return pdf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${kids}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...pages.flatMap(
      ({ width = 200, height = 100, content = '', entries = '' }, i): PdfObject[] => [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${5 + 2 * i} 0 R
 ${entries.includes('/Resources') ? '' : '/Resources << /Font << /F 3 0 R >> >>'} ${entries} >>`,
        { bytes: content },
      ],
    ),
    ...more,
  ])
}

/** Forms that each draw the next four times: a few kB that stand for 4³⁰ drawings. */
export function drawnTooOften(): Buffer {
  const form = '/Type /XObject /Subtype /Form /BBox [0 0 100 100]'
  const next = (i: number) => `/Resources << /XObject << /X ${i} 0 R >> >>`
  const levels = Array.from(
    { length: 30 },
    (_, i): PdfObject => ({ entries: `${form} ${next(6 + i)}`, bytes: '/X Do '.repeat(4) }),
  )
  return pdf([
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Count 1 /Kids [3 0 R] >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] ${next(5)} /Contents 4 0 R >>`,
    { bytes: '/X Do' },
    ...levels,
    { entries: form, bytes: '0 0 50 50 re f' },
  ])
}
