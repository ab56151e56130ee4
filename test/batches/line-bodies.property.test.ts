/** Bodies of lines out of inputs that really lie on a disk. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { LineBodies } from '../../src/batches/line-bodies.ts'
import type { FileStore } from '../../src/files/contract.ts'
import { openStore, put } from '../support/file-store-contract.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const MiB = 2 ** 20

/** Says what it was asked for. */
function watch(store: FileStore) {
  const ranges: string[] = []
  let finds = 0
  const watched: Pick<FileStore, 'find' | 'read'> = {
    find(tenant, id) {
      finds++
      return store.find(tenant, id)
    },
    read(file, range) {
      ranges.push(`${range?.start}-${range?.end}`)
      return store.read(file, range)
    },
  }
  return { watched, ranges, finds: () => finds }
}

const inputOf = (file: { readonly id: string }, tenant = 'a') => ({ tenant, inputFileId: file.id })

describe('bodies of lines', () => {
  it('that are asked for together are looked up once, and read in one go where they lie close', async () => {
    await using folder = await temporaryFolder()
    await using store = await openStore({ folder: folder.path })
    const bytes = Buffer.alloc(3 * MiB, 'lines of a batch, ')
    const file = await put(store, bytes)
    const { watched, ranges, finds } = watch(store)
    const bodies = new LineBodies(watched)
    const places = [
      // Not in the order of the file, as lines that share a picture are not.
      { offset: 9000, length: 50 },
      { offset: 100, length: 4000 },
      { offset: 5000, length: 4000 },
      // Far behind, and so long that reading it with its neighbour would keep both for the sake of either.
      { offset: MiB, length: MiB },
      { offset: 2 * MiB + 10, length: 10 },
    ]
    const read = await Promise.all(places.map((place) => bodies.read(inputOf(file), place)))
    for (const [i, { offset, length }] of places.entries()) {
      assert.deepEqual(read[i], bytes.subarray(offset, offset + length))
    }
    assert.equal(finds(), 1)
    assert.deepEqual(ranges, [
      '100-9049',
      `${MiB}-${2 * MiB - 1}`,
      `${2 * MiB + 10}-${2 * MiB + 19}`,
    ])
  })

  it('are undefined where the input was deleted, is of another key, or goes while they are read', async () => {
    await using folder = await temporaryFolder()
    await using store = await openStore({ folder: folder.path })
    const [kept, deleted] = [await put(store, 'abc'), await put(store, 'def')]
    await store.delete('a', deleted.id)
    const bodies = new LineBodies(store)
    const place = { offset: 1, length: 2 }
    const read = await Promise.all([
      bodies.read(inputOf(kept), place),
      bodies.read(inputOf(deleted), place),
      bodies.read(inputOf(kept, 'b'), place),
    ])
    assert.deepEqual(read, [Buffer.from('bc'), undefined, undefined])
  })

  it('of an input that cannot be read fail, each of them, and those of others do not', async () => {
    await using folder = await temporaryFolder()
    await using store = await openStore({ folder: folder.path })
    const [whole, broken] = [await put(store, 'whole'), await put(store, 'broken')]
    const bodies = new LineBodies({
      find: (tenant, id) => store.find(tenant, id),
      read: async (file, range) => {
        if (file.id === broken.id && range?.start === 0) throw new Error('the disk fails')
        return await store.read(file, range)
      },
    })
    const outcomes = await Promise.allSettled([
      bodies.read(inputOf(broken), { offset: 0, length: 2 }),
      bodies.read(inputOf(broken), { offset: 2, length: 2 }),
      bodies.read(inputOf(whole), { offset: 0, length: 5 }),
    ])
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.status === 'fulfilled' ? `${outcome.value}` : 'failed')),
      ['failed', 'failed', 'whole'],
    )
    // A later attempt is another read.
    assert.equal(`${await bodies.read(inputOf(broken), { offset: 1, length: 2 })}`, 'ro')
  })

  it('are the very bytes of their places, wherever they lie and however they are asked for', async (t) => {
    await using folder = await temporaryFolder()
    await using store = await openStore({ folder: folder.path })
    const bytes = Buffer.from(Uint32Array.from({ length: 50_000 }, (_, i) => i * 2654435761).buffer)
    const input = inputOf(await put(store, bytes))
    const bodies = new LineBodies(store)
    const line = fc.record({
      gap: fc.oneof(fc.nat(200), fc.nat(9000)),
      length: fc.integer({ min: 1, max: 5000 }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 12 }),
        fc.infiniteStream(fc.nat(2 ** 30)),
        async (lines, order) => {
          let end = 0
          const places = lines.map(({ gap, length }) => {
            const offset = end + gap
            end = offset + length
            return { offset, length }
          })
          const shuffled = places
            .map((place) => ({ place, key: order.next().value }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ place }) => place)
          const read = await Promise.all(shuffled.map((place) => bodies.read(input, place)))
          for (const [i, { offset, length }] of shuffled.entries()) {
            assert.ok(bytes.subarray(offset, offset + length).equals(read[i]!))
          }
        },
      ),
      propertyRuns(60, t, 0.1),
    )
  })
})
