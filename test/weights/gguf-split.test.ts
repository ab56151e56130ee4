/** A model in several GGUF files is the same model; what does not fit together is refused by name. */
import assert from 'node:assert/strict'
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { AerieError } from '../../src/errors.ts'
import { readGguf } from '../../src/weights/gguf.ts'
import { parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { GgufMetadata } from '../../src/weights/gguf-metadata.ts'
import { checkShard, type GgufHead, joinShards, otherShards } from '../../src/weights/gguf-split.ts'
import { openModelSource } from '../../src/weights/model-source.ts'
import { scratchFolder } from '../support/checkpoint-folder.ts'
import { convertCheckpoint } from '../support/gguf-conversion.ts'
import { type GgufToWrite, ggufBytes, type MetadataValue, writeGguf } from '../support/gguf-file.ts'
import { shardFile, splitGguf, splitKeys, writeShards } from '../support/gguf-split.ts'
import { mutate } from '../support/mutate.ts'

const CHECKPOINT = resolve(import.meta.dirname, '../fixtures/decoders/qwen3/checkpoint')

/** Eight small tensors and a little metadata. */
const SMALL: GgufToWrite = {
  metadata: { 'general.architecture': ['string', 'llama'], x: ['u32', 7] },
  tensors: Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`t${i}`, { shape: [2], data: Float32Array.of(i, -i) }]),
  ),
}

describe('a split GGUF file', () => {
  let folder: string
  beforeEach(() => {
    folder = scratchFolder()
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  const shard = (number: number, count = 3) => join(folder, shardFile('m', number, count))
  const refuses = (path: string, message: RegExp) =>
    assert.rejects(readGguf(path), { code: 'invalid_package', message })

  it('has the config and the values of the whole one', async () => {
    const converted = convertCheckpoint(CHECKPOINT, 'qwen2')
    const whole = join(folder, 'whole.gguf')
    writeGguf(whole, converted)
    const first = writeShards(folder, 'm', splitGguf(converted, 3))
    const [ours, theirs] = [await openModelSource(first), await openModelSource(whole)]
    assert.deepEqual(ours.model.config, theirs.model.config)
    assert.deepEqual(ours.storage, theirs.storage)
    await using a = await ours.openWeights()
    await using b = await theirs.openWeights()
    assert.deepEqual([...a.tensors.keys()].sort(), [...b.tensors.keys()].sort())
    for (const [name, tensor] of b.tensors)
      assert.deepEqual(await a.readFloats(a.tensors.get(name)!), await b.readFloats(tensor), name)
  })

  it('may have a first file without a tensor, and a count of 0 or 1 where it was joined again', async () => {
    const [first, ...others] = splitGguf(SMALL, 2)
    writeGguf(shard(1), {
      ...first!,
      tensors: {},
      metadata: { ...first!.metadata, ...splitKeys(0, 3, 8) },
    })
    const rest = { ...first!.tensors }
    writeGguf(shard(2), { metadata: splitKeys(1, 3, 8), tensors: rest })
    writeGguf(shard(3), { metadata: splitKeys(2, 3, 8), tensors: others[0]!.tensors })
    const { tensors, files } = await readGguf(shard(1))
    assert.equal(tensors.length, 8)
    assert.deepEqual(
      files.map(({ path }) => path),
      [shard(1), shard(2), shard(3)],
    )
    for (const count of [0, 1]) {
      const path = join(folder, 'joined.gguf')
      writeGguf(path, { ...SMALL, metadata: { ...SMALL.metadata, 'split.count': ['u16', count] } })
      assert.equal((await readGguf(path)).files.length, 1)
    }
  })

  it('is refused when a file is missing, is another one, or is not the first', async () => {
    const first = writeShards(folder, 'm', splitGguf(SMALL, 3))
    await refuses(
      shard(2),
      /m-00002-of-00003\.gguf: shard 2 of 3, expected the first: m-00001-of-00003\.gguf$/,
    )
    const aside = join(folder, 'aside')
    renameSync(shard(3), aside)
    await refuses(first, /m-00003-of-00003\.gguf is missing$/)
    copyFileSync(shard(2), shard(3))
    await refuses(first, /m-00003-of-00003\.gguf: split\.no: expected 2, got 1$/)
    writeGguf(shard(3), { metadata: splitKeys(2, 4, 8), tensors: {} })
    await refuses(first, /m-00003-of-00003\.gguf: split\.count: expected 3, got 4$/)
    writeGguf(shard(3), SMALL)
    await refuses(first, /m-00003-of-00003\.gguf: split\.no: expected 2, got nothing$/)
    const other: Record<string, MetadataValue> = { 'general.architecture': ['string', 'phi3'] }
    writeGguf(shard(3), { metadata: { ...splitKeys(2, 3, 8), ...other }, tensors: {} })
    await refuses(first, /general\.architecture: expected llama, got "phi3"$/)
    writeFileSync(shard(3), readFileSync(aside).subarray(0, 40))
    await refuses(first, /m-00003-of-00003\.gguf: GGUF: .* of a file of 40 bytes$/)
  })

  it('is refused when tensors are missing or are there twice', async () => {
    const [one, two, three] = splitGguf(SMALL, 3)
    const fewer = Object.fromEntries(Object.entries(three!.tensors).slice(1))
    const first = writeShards(folder, 'm', [one!, two!, { ...three!, tensors: fewer }])
    await refuses(first, /split\.tensors\.count: expected 7, as the shards have together, got 8$/)
    const more = { ...three!.tensors, t1: SMALL.tensors['t1']! }
    writeShards(folder, 'm', [one!, two!, { ...three!, tensors: more }])
    await refuses(first, /tensor t1 is in \S+00002-of-00003\.gguf and in \S+00003-of-00003\.gguf$/)
  })

  it('is refused when name and keys disagree, or the count is absurd', async () => {
    const [first] = splitGguf(SMALL, 3)
    const named = join(folder, 'm.gguf')
    writeGguf(named, first!)
    await refuses(named, /split\.count: expected the count in the file's name, none, got 3$/)
    writeGguf(shard(1, 2), first!)
    await refuses(shard(1, 2), /split\.count: expected the count in the file's name, 2, got 3$/)
    writeGguf(shard(1), { ...first!, metadata: splitKeys(0, 60_000, 8) })
    await refuses(shard(1), /split\.count: expected at most 512, got 60000$/)
  })

  it('may lie in a cache of the hub; no shard may lie elsewhere', async (t) => {
    const real = scratchFolder()
    t.after(() => rmSync(real, { recursive: true }))
    writeShards(real, 'm', splitGguf(SMALL, 3))
    const commit = join(folder, 'models--owner--m', 'snapshots', 'a'.repeat(40))
    const blobs = join(folder, 'models--owner--m', 'blobs')
    for (const path of [commit, blobs]) mkdirSync(path, { recursive: true })
    for (const [i, name] of readdirSync(real).sort().entries()) {
      copyFileSync(join(real, name), join(blobs, `blob${i}`))
      symlinkSync(`../../blobs/blob${i}`, join(commit, name))
    }
    assert.equal((await readGguf(join(commit, shardFile('m', 1, 3)))).tensors.length, 8)
    copyFileSync(join(real, shardFile('m', 1, 3)), shard(1))
    for (const number of [2, 3]) symlinkSync(join(real, shardFile('m', number, 3)), shard(number))
    await refuses(shard(1), /m-00002-of-00003\.gguf leads out of the model folder$/)
  })

  it('with any bytes or keys is read whole, or refused: 4 000 times', () => {
    const originals = splitGguf(SMALL, 3).map((part) => new Uint8Array(ggufBytes(part)))
    const heads = (bytes: readonly Uint8Array[]) =>
      bytes.map((part, i) => {
        const { metadata, ...header } = parseGgufHeader(part, part.length)
        const path = shardFile('m', i + 1, 3)
        return { ...header, path, bytes: part.length, metadata: new GgufMetadata(metadata) }
      })
    let accepted = 0
    for (let seed = 1; seed <= 4000; seed++) {
      const bytes = originals.map((part, i) => (seed % 3 === i ? mutate(part, seed) : part))
      accepted += readOrRefuse(() => heads(bytes))
    }
    assert.ok(accepted > 100, `${accepted} accepted`)
    const number = fc.constantFrom(0, 1, 2, 3, 4, 8, 65_535)
    const keys = fc.tuple(number, number, number)
    fc.assert(
      fc.property(fc.tuple(keys, keys, keys), (all) => {
        const isRight = all.every(([no, count], i) => no === i && count === 3) && all[0][2] === 8
        const parts = splitGguf(SMALL, 3).map(({ metadata, tensors }, i) =>
          ggufBytes({ tensors, metadata: { ...metadata, ...splitKeys(...all[i]!) } }),
        )
        assert.equal(
          readOrRefuse(() => heads(parts)),
          isRight ? 1 : 0,
        )
      }),
      {
        examples: [
          [
            [
              [0, 3, 8],
              [1, 3, 0],
              [2, 3, 8],
            ],
          ],
        ],
      },
    )
  })
})

/** 1 for a model, which then is whole; 0 for a refusal. */
function readOrRefuse(read: () => readonly GgufHead[]): 0 | 1 {
  try {
    const [first, ...rest] = read()
    if (otherShards(shardFile('m', 1, 3), first!).length !== 2) return 0
    const others = rest.map((head, i) => checkShard(first!, i + 1, head))
    const { tensors, files } = joinShards(first!, others)
    assert.deepEqual([tensors.length, files.length], [8, 3])
    return 1
  } catch (error) {
    const isRefusal = error instanceof AerieError && error.code === 'invalid_package'
    assert.ok(isRefusal, `${error instanceof Error ? error.stack : error}`)
    return 0
  }
}
