/** A file that grows by whole lines, and that a process which was killed leaves at most one torn line in. */
import { type FileHandle, open } from 'node:fs/promises'
import { oneLine } from '../json/one-line.ts'
import { writeAll } from '../write-all.ts'

const NEWLINE = 10
const PIECE_BYTES = 64 * 1024
/** What a power cut may cost. A process that is killed loses nothing that was written. */
const SYNC_MS = 1000

export interface LineFile {
  /** Resolves when the line is written; lines that come meanwhile are written together. Rejects with the system's own errors. */
  append(line: object): Promise<void>
  /** After what is being written; flushed to the disk. */
  close(): Promise<void>
}

/** Opens the file, made if need be, behind its last whole line: what a killed process left behind it is cut off. */
export async function openLineFile(path: string): Promise<LineFile> {
  const file = await open(path, 'a+')
  try {
    const { size } = await file.stat()
    const end = await endOfLastLine(file, size)
    if (end < size) await file.truncate(end)
  } catch (error) {
    await file.close()
    throw error
  }
  let waiting: string[] = []
  let writing: Promise<void> | undefined
  let syncedAt = performance.now()
  const write = async () => {
    const text = waiting.join('')
    waiting = []
    writing = undefined
    await writeAll(file, Buffer.from(text))
    if (performance.now() - syncedAt < SYNC_MS) return
    await file.datasync()
    syncedAt = performance.now()
  }
  let last: Promise<void> = Promise.resolve()
  return {
    append(line) {
      waiting.push(`${oneLine(JSON.stringify(line))}\n`)
      // A write that failed fails all behind it: the file may end in a torn line.
      writing ??= last = last.then(write)
      return writing
    },
    async close() {
      try {
        await last
        await file.datasync()
      } finally {
        await file.close()
      }
    },
  }
}

/** The offset behind the last line break. */
async function endOfLastLine(file: FileHandle, size: number): Promise<number> {
  const piece = Buffer.alloc(PIECE_BYTES)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - PIECE_BYTES)
    const { bytesRead } = await file.read(piece, 0, end - start, start)
    const at = piece.subarray(0, bytesRead).lastIndexOf(NEWLINE)
    if (at >= 0) return start + at + 1
    end = start
  }
  return 0
}
