/**
 * Looks at the database that a killed server of batches has left, and remembers: what had a result then must be in the files at the
 * end to the byte, and only a line that servers died with four times may fail for it. It looks at a copy: what a crash leaves is
 * for the next server to mend.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MOST_CRASHES } from '../../src/batches/run-line.ts'

/** What was under way in at least one batch when a server was killed. */
export type Station = 'made' | 'reading' | 'running' | 'choosing files' | 'writing files' | 'ended'

interface BatchRow {
  readonly id: string
  readonly status: string
  readonly owner: string | null
  readonly planned_output: string | null
  readonly done: number
  readonly taken: number
  readonly results: number
}

const BATCHES = `SELECT id, status, owner, planned_output, completed + failed AS done,
    (SELECT COUNT(*) FROM lines WHERE batch_id = id AND state = 1) AS taken,
    (SELECT COUNT(*) FROM results WHERE batch_id = id) AS results
  FROM batches WHERE NOT is_tidy`

export class BatchWitness {
  readonly #folder: string
  readonly #copy: string
  /** Digests of results that were on the disk at some kill, by batch and line. */
  readonly #results = new Map<string, string>()
  /** Servers that died with a line, by batch and line. */
  readonly #taken = new Map<string, Set<string>>()
  /** Most results of a batch that a client was told of. */
  readonly #told = new Map<string, number>()

  /** `folder`: that of the database; `copy`: one for copies of it. */
  constructor(folder: string, copy: string) {
    this.#folder = folder
    this.#copy = copy
  }

  get seen(): { readonly results: number; readonly interrupted: number } {
    const interrupted = [...this.#taken.values()].reduce((all, { size }) => all + size, 0)
    return { results: this.#results.size, interrupted }
  }

  /** What `request_counts` said. */
  told(id: string, done: number): void {
    this.#told.set(id, Math.max(done, this.#told.get(id) ?? 0))
  }

  /** Where the kill struck. */
  async look(): Promise<ReadonlySet<Station>> {
    await rm(this.#copy, { recursive: true, force: true })
    await mkdir(this.#copy)
    // Without the index of the journal: SQLite makes it anew, from what was really written.
    for (const name of ['batches.sqlite', 'batches.sqlite-wal']) {
      await copyFile(join(this.#folder, name), join(this.#copy, name)).catch(ignoreMissing)
    }
    using database = new DatabaseSync(join(this.#copy, 'batches.sqlite'))
    const hasTables = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'batches'").get()
    if (!hasTables) return new Set()
    const batches = database.prepare(BATCHES).all() as unknown as BatchRow[]
    for (const { id, done, results, status } of batches) {
      if (stationOf(status) === 'ended') continue
      assert.equal(results, done, `${id}: as many results as are counted`)
      assert.ok(results >= (this.#told.get(id) ?? 0), `${id}: a client was told of more`)
    }
    for (const { batch_id, line, text } of database.prepare('SELECT * FROM results').iterate()) {
      const [key, digest] = [`${batch_id} ${line}`, sha256(text as Uint8Array)]
      assert.equal(this.#results.get(key) ?? digest, digest, `${key} has another result`)
      this.#results.set(key, digest)
    }
    const taken = database.prepare('SELECT batch_id, line, server FROM lines WHERE state = 1')
    for (const { batch_id, line, server } of taken.iterate()) {
      const key = `${batch_id} ${line}`
      // One that has not been given back yet may have been seen before.
      this.#taken.set(key, (this.#taken.get(key) ?? new Set()).add(String(server)))
    }
    return new Set(batches.flatMap((batch) => stationOf(batch.status, batch) ?? []))
  }

  /** A line of an output or error file; `line` from 1. */
  check(id: string, line: number, text: string): void {
    const key = `${id} ${line}`
    const digest = this.#results.get(key)
    if (digest) assert.equal(sha256(text), digest, `${key}: another result than it had at a kill`)
    const { error } = JSON.parse(text)
    if (!error) return
    const times = this.#taken.get(key)?.size ?? 0
    assert.ok(times >= MOST_CRASHES, `${key} failed after ${times} kills: ${error.message}`)
    assert.match(error.message, /the server ended 4 times while it ran this line/)
  }
}

function stationOf(status: string, batch?: BatchRow): Station | undefined {
  if (status === 'validating') return batch?.owner ? 'reading' : 'made'
  if (status === 'in_progress') return batch?.taken ? 'running' : undefined
  if (status === 'finalizing') return batch?.planned_output ? 'writing files' : 'choosing files'
  return 'ended'
}

function sha256(text: Uint8Array | string): string {
  return createHash('sha256').update(text).digest('hex')
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
