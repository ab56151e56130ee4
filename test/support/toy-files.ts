/** Files of batches in memory, as several servers share them: inputs that say their own line numbers, and outputs that are kept. */

import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { AerieError } from '../../src/errors.ts'
import type { ByteRange, FileStore, NewFile, StoredFile } from '../../src/files/contract.ts'

/** What a server sees of them; every call goes through its gate, which never opens again once the server is dead. */
export type FilesOfServer = Pick<FileStore, 'find' | 'read' | 'beginUpload' | 'stats' | 'localPath'>

type Gate = <T>(work: () => T) => Promise<T>

/** Of the file store, which it never reaches. */
const NO_STATS = { files: 0, maxBytes: 0, uploads: 0, maxUploads: 0 } as const
const NO_COUNTS = { created: 0, deleted: 0, expired: 0, orphans: 0, failures: 0 } as const

/** As `newLine` of batch-model.ts lays lines out: ten bytes a line. */
const LINE_BYTES = 10

export class ToyFiles {
  /** Made by servers, by id. */
  readonly outputs = new Map<string, string>()
  /** Nothing can be written. */
  isBroken = false
  /** As many bytes as there may be. */
  isFull = false

  ofServer(gate: Gate): FilesOfServer {
    return {
      find: (tenant, id) => gate(() => this.#find(tenant, id)),
      read: (_file, range) => gate(() => Readable.from([inputBytes(range!)])),
      localPath: () => Promise.reject(new Error('inputs are read before the servers see them')),
      stats: () => ({
        ...{ ...NO_STATS, ...NO_COUNTS, cache: undefined, database: undefined },
        bytes: this.isFull ? 1e9 : 0,
      }),
      beginUpload: (tenant) => {
        let text = ''
        return {
          receive: async (source) => {
            text = (await buffer(source)).toString()
            await gate(() => this.#refuse())
          },
          create: (file) => gate(() => this.#create(tenant, file, text)),
          [Symbol.asyncDispose]: async () => undefined,
        }
      },
    }
  }

  #find(tenant: string, id: string): StoredFile | undefined {
    const text = this.outputs.get(id)
    const isInput = id === 'file-1'
    return isInput || text !== undefined ? stored(tenant, id, text ?? '') : undefined
  }

  #create(tenant: string, { id }: NewFile, text: string): StoredFile {
    this.#refuse()
    if (id === undefined || this.outputs.has(id)) throw new Error(`${id} is made a second time`)
    this.outputs.set(id, text)
    return stored(tenant, id, text)
  }

  #refuse(): void {
    if (this.isBroken) throw new AerieError('storage_failure', 'files: the disk fails')
  }
}

/** Each line is its own number. */
function inputBytes({ start, end }: ByteRange): Buffer {
  const last = Math.floor(end / LINE_BYTES)
  const lines = Array.from({ length: last + 1 }, (_, i) => `${i}`.padEnd(LINE_BYTES))
  return Buffer.from(lines.join('')).subarray(start, end + 1)
}

function stored(tenant: string, id: string, text: string): StoredFile {
  const purpose = 'batch_output' as const
  const more = { filename: 'x.jsonl', sha256: '', createdAt: 0, expiresAt: undefined }
  return { ...more, id, tenant, purpose, bytes: text.length }
}
