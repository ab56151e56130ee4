/** The input of a batch from where reading stopped, checked and gathered into portions that are recorded one by one. */
import type { NewLine } from './batch-records.ts'
import { checkLine, type LineRules } from './check-line.ts'
import type { BatchFault } from './contract.ts'
import { splitLines } from './split-lines.ts'

export interface ReadRules extends LineRules {
  /** Of one batch. */
  readonly maxLines: number
}

/** Some lines of the input, and how far it has been read. */
export interface Portion {
  readonly lines: readonly NewLine[]
  /** What is wrong with lines of this portion. */
  readonly faults: readonly BatchFault[]
  readonly progress: { readonly bytes: number; readonly lines: number }
  /** What the lines of it ask. */
  readonly models: readonly string[]
}

/** Lines in one transaction of the database. */
const PORTION_LINES = 500
const BYTE_ORDER_MARK = Buffer.from('\ufeff')

/** Portions of `source`, which begins at byte `from.bytes` of the file; of a file without a line, none. */
export async function* readLines(
  source: AsyncIterable<Buffer>,
  from: { readonly bytes: number; readonly lines: number },
  rules: ReadRules,
): AsyncGenerator<Portion> {
  let lines: NewLine[] = []
  let faults: BatchFault[] = []
  let models = new Set<string>()
  let progress = from
  let looked = 0
  const portion = (): Portion => {
    const whole = { lines, faults, progress, models: [...models] }
    lines = []
    faults = []
    models = new Set()
    looked = 0
    return whole
  }
  for await (const found of splitLines(source, from, rules.maxLineBytes)) {
    const input = found.line === 1 ? withoutMark(found) : found
    progress = { bytes: found.end, lines: found.line }
    looked++
    if (found.line > rules.maxLines) {
      faults.push({
        ...{ code: 'too_many_tasks', line: found.line, param: null },
        message: `expected at most ${rules.maxLines} lines (maxBatchLines)`,
      })
      yield portion()
      return
    }
    if (input.bytes === undefined || !isBlank(input.bytes)) {
      const checked = checkLine(input, rules)
      if ('line' in checked) {
        lines.push(checked.line)
        models.add(checked.model)
      } else faults.push(...checked)
    }
    if (looked === PORTION_LINES) yield portion()
  }
  if (looked > 0) yield portion()
}

/** What editors of some systems put in front of a text. */
function withoutMark<Line extends { readonly offset: number; readonly bytes: Buffer | undefined }>(
  line: Line,
): Line {
  const { bytes, offset } = line
  if (bytes?.subarray(0, 3).equals(BYTE_ORDER_MARK) !== true) return line
  return { ...line, bytes: bytes.subarray(3), offset: offset + 3 }
}

/** Nothing but spaces and tabs. */
function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}
