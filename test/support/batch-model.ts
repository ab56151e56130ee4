/** What must hold of batches whatever servers do and whenever they die: a model that hears of every call, and checks it. */
import assert from 'node:assert/strict'
import type {
  BatchRecord,
  BatchRecords,
  LineResult,
  NewLine,
  TakenLine,
} from '../../src/batches/batch-records.ts'
import { type Batch, ENDED } from '../../src/batches/contract.ts'

export const TENANT = 'alice'
export const WINDOW = 1000

/** A batch that is new, `at` seconds. */
export function newBatch(number: number, at: number, tenant = TENANT): Batch {
  return {
    id: `batch_${number.toString(16).padStart(36, '0')}`,
    tenant,
    endpoint: '/v1/chat/completions',
    inputFileId: 'file-1',
    status: 'validating',
    metadata: undefined,
    outputExpiresAfterSeconds: undefined,
    model: undefined,
    counts: { total: 0, completed: 0, failed: 0 },
    usage: { inputTokens: 0, cachedTokens: 0, outputTokens: 0 },
    errors: [],
    outputFileId: undefined,
    errorFileId: undefined,
    createdAt: at,
    expiresAt: at + WINDOW,
    ...{ inProgressAt: undefined, finalizingAt: undefined, completedAt: undefined },
    ...{ failedAt: undefined, expiredAt: undefined },
    ...{ cancellingAt: undefined, cancelledAt: undefined },
  }
}

export function newLine(line: number, media?: string, modelPlace = 0): NewLine {
  const named = { media: media === undefined ? 0 : 1, firstMedia: media, allMedia: media }
  return { line, customId: `c${line}`, offset: line * 10, length: 5, modelPlace, ...named }
}

export function resultOf(
  { batchId, line }: Pick<TakenLine, 'batchId' | 'line'>,
  by: string,
): LineResult {
  const usage = { inputTokens: 2, cachedTokens: 1, outputTokens: 3 }
  return {
    batchId,
    line,
    ok: line % 3 !== 0,
    text: Buffer.from(`${batchId} ${line} by ${by}`),
    usage,
  }
}

/** Results that were acknowledged, by batch and line; and who has which line. */
export class BatchModel {
  readonly #records: BatchRecords
  readonly #kept = new Map<string, Map<number, string>>()
  readonly #totals = new Map<string, number>()
  readonly #seen = new Map<string, BatchRecord>()

  constructor(records: BatchRecords) {
    this.#records = records
  }

  added(id: string, lines: number): void {
    this.#totals.set(id, (this.#totals.get(id) ?? 0) + lines)
  }

  /** Of results that were offered all at once `kept` were acknowledged; whose they are, the records say. */
  async stored(results: readonly LineResult[], kept: number): Promise<void> {
    let found = 0
    for (const { batchId, line, text, ok } of results) {
      const [there] = await this.#records.results(batchId, ok, line - 1, 1)
      if (there?.line !== line || !Buffer.from(text).equals(there.text)) continue
      const lines = this.#kept.get(batchId) ?? new Map<number, string>()
      assert.ok(!lines.has(line), `line ${line} of ${batchId} was acknowledged twice`)
      this.#kept.set(batchId, lines.set(line, Buffer.from(text).toString()))
      found++
    }
    assert.equal(found, kept)
  }

  /** Everything that was acknowledged is there, once, and counts are right. */
  async check(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const batch = (await this.#records.find(TENANT, id))!
      const before = this.#seen.get(id)
      if (before && ENDED.includes(before.status))
        assert.deepEqual(batch, before, 'the end is the end')
      this.#seen.set(id, batch)
      const kept = this.#kept.get(id) ?? new Map()
      const { total, completed, failed } = batch.counts
      if (batch.status === 'failed') continue
      assert.equal(total, this.#totals.get(id) ?? 0)
      if (ENDED.includes(batch.status)) {
        assert.equal(completed + failed, total, 'each line is in one of the files')
        assert.equal(completed, [...kept.keys()].filter((line) => line % 3 !== 0).length)
        continue
      }
      assert.equal(completed + failed, kept.size)
      assert.equal(batch.usage.outputTokens, 3 * kept.size)
      await this.checkFiles(id)
    }
  }

  /** Output, errors and lines that were not run are all lines, once each and in order. */
  async checkFiles(id: string): Promise<void> {
    const kept = this.#kept.get(id) ?? new Map()
    const stored = (
      await Promise.all([true, false].map((ok) => this.#records.results(id, ok, 0, 2 ** 30)))
    ).flat()
    const texts = new Map(stored.map(({ line, text }) => [line, Buffer.from(text).toString()]))
    assert.equal(texts.size, stored.length)
    assert.deepEqual(new Map([...texts].sort(byLine)), new Map([...kept].sort(byLine)))
    const unrun = (await this.#records.unrun(id, 0, 1000)).map(({ line }) => line)
    const lines = [...texts.keys(), ...unrun].sort((a, b) => a - b)
    const all = Array.from({ length: this.#totals.get(id) ?? 0 }, (_, i) => i + 1)
    assert.deepEqual(lines, all)
  }
}

function byLine(a: readonly [number, unknown], b: readonly [number, unknown]): number {
  return a[0] - b[0]
}
