import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { FeatureFolder, type FeatureFolderOptions } from '../../src/engine/feature-folder.ts'
import type { Features } from '../../src/engine/types.ts'

const root = mkdtempSync(join(tmpdir(), 'aerie-features-'))
after(() => rmSync(root, { recursive: true, force: true }))
let path = ''
let trouble: string[] = []
/** Of the folders' clocks, in milliseconds. */
let now = 0
let folders = 0

beforeEach(() => {
  path = join(root, String(folders++), 'features')
  trouble = []
  now = Date.now()
})

function open(options: Partial<FeatureFolderOptions> = {}): FeatureFolder {
  return new FeatureFolder({
    folder: path,
    maxBytes: 1e6,
    onTrouble: (what, error) => trouble.push(`${what}: ${(error as Error).message}`),
    now: () => now,
    ...options,
  })
}

/** `floats` numbers in shared memory that begin with `first`. */
function features(key: string, floats = 8, first = 1): Features {
  const data = new Float32Array(new SharedArrayBuffer(floats * 4))
  for (let i = 0; i < floats; i++) data[i] = first + i
  return { key, rows: 2, data, conversions: ['alpha on white'], seconds: [0.25, 1] }
}

const tendAll = (folder: FeatureFolder) => {
  while (folder.tend());
}
/** The file of the only entry there is. */
const onlyFile = () => join(path, readdirSync(path)[0]!)
const mode = (file: string) => (statSync(file).mode & 0o777).toString(8)

describe('features on disk', () => {
  it('are what they were, for whoever opens the folder next', () => {
    open().write(features('a'))
    const again = open()
    const read = again.read('a')
    assert.deepEqual(read, features('a'))
    assert.ok(read!.data.buffer instanceof SharedArrayBuffer)
    assert.equal(again.read('b'), undefined)
    const { hits, misses, failures, rejected } = again.stats
    assert.deepEqual(
      { hits, misses, failures, rejected },
      { hits: 1, misses: 1, failures: 0, rejected: 0 },
    )
    assert.deepEqual(trouble, [])
  })

  it('are readable by their owner alone, and say nothing by their names', () => {
    open().write(features('a key'))
    assert.equal(mode(path), '700')
    assert.equal(mode(onlyFile()), '600')
    assert.match(readdirSync(path).join(), /^[0-9a-f]{64}\.features$/)
  })

  it('are written once', () => {
    const [one, other] = [open(), open()]
    one.write(features('a'))
    one.write(features('a'))
    other.write(features('a'))
    assert.equal(one.stats.writes + other.stats.writes, 1)
    assert.deepEqual([one.stats.entries, other.stats.entries], [1, 1])
  })

  it('of whatever size and content come back bit for bit', () => {
    const folder = open({ maxBytes: 1e9 })
    let key = 0
    fc.assert(
      fc.property(
        fc.float32Array({ minLength: 1, maxLength: 300 }),
        fc.option(fc.array(fc.string(), { maxLength: 3 }), { nil: undefined }),
        (values, conversions) => {
          const data = new Float32Array(new SharedArrayBuffer(values.byteLength))
          data.set(values)
          const written = { key: `${key++}`, rows: 1, data, ...(conversions && { conversions }) }
          folder.write(written)
          const read = folder.read(written.key)!
          assert.deepEqual(new Uint32Array(read.data.buffer), new Uint32Array(data.buffer))
          assert.deepEqual(read.conversions, conversions)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('a file that is no whole entry', () => {
  /** Damages the only entry; it must then be a miss that is counted, and be gone. */
  function assertDropped(damage: (file: string) => void, why: RegExp): void {
    const folder = open()
    folder.write(features('a'))
    damage(onlyFile())
    assert.equal(folder.read('a'), undefined)
    assert.equal(folder.stats.rejected, 1)
    assert.equal(folder.stats.misses, 1)
    assert.equal(folder.stats.bytes, 0)
    assert.match(trouble.join(), why)
    assert.deepEqual(readdirSync(path), [])
    // And its place is free.
    folder.write(features('a'))
    assert.deepEqual(folder.read('a'), features('a'))
  }

  it('is dropped when it was cut', () => {
    assertDropped((file) => truncateSync(file, statSync(file).size - 40), /bytes, expected/)
  })

  it('is dropped when it is empty, as after a power cut', () => {
    assertDropped((file) => truncateSync(file, 0), /cut off/)
  })

  it('is dropped when it has more at its end', () => {
    assertDropped((file) => appendFileSync(file, 'more'), /bytes, expected/)
  })

  it('is dropped when it is of another key', () => {
    assertDropped((file) => {
      const other = open({ folder: join(path, '..', 'other') })
      other.write(features('b'))
      const [name] = readdirSync(join(path, '..', 'other'))
      renameSync(join(path, '..', 'other', name!), file)
    }, /another key/)
  })

  it('is dropped when it is of another program', () => {
    assertDropped(
      (file) => writeFileSync(file, 'PK\x03\x04 and much more than a head of ours'),
      /magic/,
    )
  })

  it('is dropped when it is a link, and what that points to is left alone', () => {
    const target = join(root, 'precious')
    writeFileSync(target, 'precious')
    assertDropped((file) => {
      rmSync(file)
      symlinkSync(target, file)
    }, /ELOOP/)
    assert.equal(readFileSync(target, 'utf8'), 'precious')
  })

  it('is dropped with any one bit changed', () => {
    const folder = open()
    folder.write(features('a'))
    const bits = statSync(onlyFile()).size * 8
    fc.assert(
      fc.property(fc.nat(bits - 1), (bit) => {
        folder.write(features('a'))
        const file = onlyFile()
        const bytes = readFileSync(file)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        writeFileSync(file, bytes)
        assert.equal(folder.read('a'), undefined)
        assert.deepEqual(readdirSync(path), [])
      }),
      { numRuns: 500 },
    )
  })

  it('allocates nothing that its size does not back', () => {
    assertDropped((file) => {
      const head = Buffer.from(JSON.stringify({ key: 'a', rows: 1, values: 2 ** 40 }))
      const prefix = Buffer.from('AERIEFT1\0\0\0\0')
      prefix.writeUInt32LE(head.length, 8)
      writeFileSync(file, Buffer.concat([prefix, head]))
    }, /bytes, expected/)
  })
})

describe('the bound of the folder', () => {
  it('drops the least recently used, in this process', () => {
    const size = bytesOf(features('a'))
    const folder = open({ maxBytes: 3 * size })
    for (const key of ['a', 'b', 'c']) folder.write(features(key))
    folder.read('a')
    folder.write(features('d'))
    assert.equal(folder.read('b'), undefined)
    for (const key of ['a', 'c', 'd']) assert.ok(folder.read(key), key)
    assert.equal(folder.stats.evictions, 1)
    assert.equal(folder.stats.bytes, 3 * size)
  })

  it('holds over restarts, by the time of the last use', () => {
    const size = bytesOf(features('a'))
    const before = open({ maxBytes: 3 * size })
    for (const key of ['a', 'b', 'c']) {
      now += 1000
      before.write(features(key))
      before.read(key)
    }
    now += 1000
    before.read('a')
    const folder = open({ maxBytes: 2 * size })
    tendAll(folder)
    assert.equal(folder.stats.bytes, 2 * size)
    assert.equal(folder.stats.entries, 2)
    assert.equal(folder.read('b'), undefined)
    assert.ok(folder.read('a') && folder.read('c'))
  })

  it('holds for several processes, but for the twentieth that each may write before it looks', () => {
    const size = bytesOf(features('a'))
    const maxBytes = 40 * size
    const sharing = [open({ maxBytes }), open({ maxBytes }), open({ maxBytes })]
    for (const folder of sharing) tendAll(folder)
    for (let i = 0; i < 300; i++) {
      now += 10
      const folder = sharing[i % sharing.length]!
      folder.write(features(`${i}`))
      tendAll(folder)
      const there = readdirSync(path).length
      assert.ok(there <= 40 * (1 + sharing.length / 20) + sharing.length, `${there} entries`)
    }
    assert.deepEqual(trouble, [])
  })

  it('does not empty the folder for what it cannot hold', () => {
    const folder = open({ maxBytes: bytesOf(features('a')) + 10 })
    folder.write(features('a'))
    folder.write(features('huge', 100))
    assert.ok(folder.read('a'))
    assert.equal(folder.stats.skipped, 1)
  })

  it('counts neither what others put there nor what is being written, and leaves both alone', () => {
    const folder = open()
    writeFileSync(join(path, 'README'), 'mine')
    writeFileSync(join(path, `${'0'.repeat(64)}.features.abcdef.tmp`), 'half')
    tendAll(folder)
    assert.equal(folder.stats.entries, 0)
    assert.equal(readdirSync(path).length, 2)
  })

  it('takes away what a process that was killed left unfinished', () => {
    const folder = open()
    const left = join(path, `${'0'.repeat(64)}.features.abcdef.tmp`)
    writeFileSync(left, 'half')
    const anHourAgo = now / 1000 - 3600
    utimesSync(left, anHourAgo, anHourAgo)
    tendAll(folder)
    assert.deepEqual(readdirSync(path), [])
  })

  it('is kept in slices, between which the folder answers', () => {
    const before = open()
    for (let i = 0; i < 600; i++) before.write(features(`${i}`))
    const folder = open()
    let slices = 0
    while (folder.tend()) {
      slices++
      assert.ok(folder.read(`${slices}`))
    }
    assert.ok(slices >= 3, `${slices}`)
    assert.equal(folder.stats.entries, 600)
    assert.equal(folder.stats.bytes, before.stats.bytes)
  })
})

describe('a folder that cannot be used', () => {
  it('is refused when others can look into it', () => {
    mkdirSync(path, { recursive: true })
    chmodSync(path, 0o755)
    assert.throws(() => open(), { code: 'invalid_config', message: /mode 700.*got mode 755/ })
  })

  it('is refused when it is a file', () => {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, '')
    assert.throws(() => open(), { code: 'invalid_config' })
  })

  it('leaves the disk alone for a minute after a write that failed, and reads on', () => {
    const folder = open()
    folder.write(features('a'))
    // A directory in place of a file: renaming onto it fails, whoever asks.
    const blocked = open({ folder: join(path, '..', 'blocked') })
    rmSync(join(path, '..', 'blocked'), { recursive: true })
    blocked.write(features('b'))
    blocked.write(features('c'))
    assert.equal(blocked.stats.failures, 1)
    assert.equal(blocked.stats.skipped, 1)
    assert.match(trouble.join(), /could not be written: ENOENT/)
    mkdirSync(join(path, '..', 'blocked'))
    now += 61_000
    blocked.write(features('d'))
    assert.deepEqual(blocked.read('d'), features('d'))
    assert.ok(folder.read('a'))
  })

  it('leaves nothing behind of a write that failed half way', () => {
    // A limit on the size of files stands for a full disk: the first bytes can be written, the next cannot.
    const program = `
      import { FeatureFolder } from ${JSON.stringify(new URL('../../src/engine/feature-folder.ts', import.meta.url))}
      const trouble = []
      const folder = new FeatureFolder({
        folder: ${JSON.stringify(path)}, maxBytes: 1e9, onTrouble: (what, { code }) => trouble.push(code),
      })
      folder.write({ key: 'a', rows: 1, data: new Float32Array(new SharedArrayBuffer(1 << 20)) })
      const { failures, writes } = folder.stats
      console.log(JSON.stringify({ trouble, failures, writes }))`
    const node = [process.execPath, '--input-type=module', '-e', program]
    const limited = ['-c', 'ulimit -f 64 && exec "$@"', 'bash', ...node]
    const { stdout, stderr } = spawnSync('bash', limited, { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(stdout || stderr), { trouble: ['EFBIG'], failures: 1, writes: 0 })
    assert.deepEqual(readdirSync(path), [])
  })
})

function bytesOf(entry: Features): number {
  const folder = open({ folder: join(root, `size-${folders++}`) })
  folder.write(entry)
  return folder.stats.bytes
}
