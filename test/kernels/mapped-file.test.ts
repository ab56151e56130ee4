/** Packed weights that are read out of a mapped file. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { addon, isas, NO_ADDON, numbers, sameBits } from '../support/native-programs.ts'

/** Whether reading ahead tells what cannot be read: Linux since 5.14. */
const [major = 0, minor = 0] = release().split('.').map(Number)
const CAN_TELL = process.platform === 'linux' && (major > 5 || (major === 5 && minor >= 14))

const WEIGHT = { type: 'f32', shape: [24, 40] } as const

describe('a mapped file', { skip: NO_ADDON }, () => {
  let folder: string
  let path: string
  let block: Uint8Array
  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'aerie-mapped-')))
    const values = new Uint8Array(numbers(1, 24 * 40).buffer)
    block = addon().packLinear(addon().createPool(1), { ...WEIGHT, values })
    path = join(folder, 'blocks')
    // One behind the other, as a package has them.
    writeFileSync(path, Buffer.concat([Buffer.alloc(128), block, block]))
  })
  after(() => rmSync(folder, { recursive: true }))

  const mapped = (place = 1) => ({
    file: addon().mapFile(path),
    offset: 128 + place * block.byteLength,
    bytes: block.byteLength,
  })
  const spec = {
    name: 'mapped',
    slots: 0,
    values: [
      { shape: ['n', 40], type: 'f32', slot: -1 },
      { shape: ['n', 24], type: 'f32', slot: -1 },
    ],
    inputs: [{ name: 'x', value: 0 }],
    outputs: [{ name: 'y', value: 1 }],
    weights: [{ name: 'w', kind: 'linear' }],
    code: [{ op: 'linear', in: [0], out: 1, linear: 0 }],
  }
  /** How often the file is in this process's memory. */
  const mappings = (name = path) =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => line.endsWith(name)).length

  it('gives the products of the block that was written, to the last bit', () => {
    const pool = addon().createPool(2)
    const x = numbers(2, 3 * 40)
    for (const isa of isas()) {
      const expected = addon().linear(pool, block, x, 3, isa)
      assert.ok(sameBits(addon().linear(pool, mapped(0), x, 3, isa), expected))
      const y = new Float32Array(3 * 24)
      const program = addon().createProgram(pool, spec, [mapped()], isa)
      program.run({ dims: { n: 3 }, inputs: [x], outputs: [y] })
      assert.ok(sameBits(y, expected))
    }
  })

  it('says how long it is', () => {
    assert.equal(addon().mapFile(path).bytes, 128 + 2 * block.byteLength)
  })

  it('stays mapped as long as a program reads it, and no longer', {
    skip: process.platform !== 'linux',
  }, () => {
    const pool = addon().createPool(1)
    const other = join(folder, 'gone')
    writeFileSync(other, readFileSync(path))
    const before = mappings()
    const file = addon().mapFile(path)
    const blocks = [{ file, offset: 128, bytes: block.byteLength }]
    const program = addon().createProgram(pool, spec, blocks)
    file.close()
    assert.throws(() => addon().createProgram(pool, spec, blocks), {
      name: 'TypeError',
      message: /weights\[0\]\.file is closed/,
    })
    assert.equal(mappings(), before + 1)
    const x = numbers(2, 40)
    const y = new Float32Array(24)
    program.run({ dims: { n: 1 }, inputs: [x], outputs: [y] })
    assert.ok(sameBits(y, addon().linear(pool, block, x, 1)))
    program.close()
    assert.equal(mappings(), before)
  })

  it('is left in place, or copied where only the memory of a process has large pages', {
    skip: !existsSync('/dev/shm'),
  }, () => {
    const pool = addon().createPool(1)
    const [x, y] = [numbers(2, 40), new Float32Array(24)]
    // What lies in memory by name has large pages only where somebody switched them on; a disk may have them.
    for (const home of [folder, '/dev/shm']) {
      const large = join(home, `aerie-mapped-${process.pid}`)
      writeFileSync(large, Buffer.concat([Buffer.alloc(8 << 20), block]), { flush: true })
      try {
        const file = addon().mapFile(large)
        const blocks = [{ file, offset: 8 << 20, bytes: block.byteLength }]
        const program = addon().createProgram(pool, spec, blocks)
        file.close()
        assert.equal(mappings(large), file.isReadInPlace ? 1 : 0)
        program.run({ dims: { n: 1 }, inputs: [x], outputs: [y.fill(0)] })
        assert.ok(sameBits(y, addon().linear(pool, block, x, 1)))
        program.close()
        assert.equal(mappings(large), 0)
      } finally {
        rmSync(large)
      }
    }
    assert.ok(addon().mapFile(path).isReadInPlace, 'a small file has no large pages to lose')
  })

  it('is refused where there is none, and where it is no file', () => {
    const missing = join(folder, 'missing')
    assert.throws(() => addon().mapFile(missing), {
      name: 'Error',
      code: 'ERR_SYSTEM',
      message: `${missing} cannot be opened: No such file or directory`,
    })
    assert.throws(() => addon().mapFile(folder), { name: 'TypeError', message: /is no file$/ })
    assert.throws(() => addon().mapFile('/dev/zero'), { name: 'TypeError' })
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    assert.throws(() => addon().mapFile(pipe), { name: 'TypeError', message: /is no file$/ })
    const empty = join(folder, 'empty')
    writeFileSync(empty, '')
    assert.throws(() => addon().mapFile(empty), { name: 'RangeError', message: /is empty$/ })
    assert.throws(() => addon().mapFile(`${path}\0`), { name: 'TypeError', message: /NUL/ })
    for (const path of [undefined, 7, {}])
      assert.throws(() => addon().mapFile(path as unknown as string), { name: 'TypeError' })
  })

  it('refuses blocks that are not in it, or not where blocks are', () => {
    const pool = addon().createPool(1)
    const whole = mapped()
    const refuses = (part: object, name: string, message: RegExp) => {
      const given = { ...whole, ...part }
      const x = numbers(2, 40)
      assert.throws(() => addon().linear(pool, given, x, 1), { name, message })
      assert.throws(() => addon().createProgram(pool, spec, [given]), { name, message })
    }
    refuses({ offset: 100 }, 'RangeError', /offset is 100, no multiple of 64/)
    refuses({ offset: -64 }, 'RangeError', /offset is -64, expected/)
    refuses({ offset: whole.offset + 64 }, 'RangeError', /ends at byte \d+ of a file of \d+ bytes/)
    refuses({ bytes: 2 ** 45 }, 'RangeError', /ends at byte/)
    refuses({ bytes: 2 ** 52 }, 'RangeError', /bytes is/)
    refuses({ bytes: 0 }, 'RangeError', /bytes is 0/)
    refuses({ bytes: whole.bytes - 64 }, 'TypeError', /must have \d+ bytes/)
    refuses({ offset: 64, bytes: 4096 }, 'TypeError', /no magic number/)
    refuses({ file: pool }, 'TypeError', /file is an object, expected a MappedFile/)
    refuses({ file: undefined }, 'TypeError', /file is undefined/)
    refuses({ bytes: undefined }, 'TypeError', /bytes is undefined/)
  })

  it('that became shorter is refused by a program, where the system can tell', {
    skip: !CAN_TELL,
  }, () => {
    const short = join(folder, 'short')
    writeFileSync(short, Buffer.concat([Buffer.alloc(2 ** 16), block]))
    const file = addon().mapFile(short)
    truncateSync(short, 2 ** 12)
    const blocks = [{ file, offset: 2 ** 16, bytes: block.byteLength }]
    assert.throws(() => addon().createProgram(addon().createPool(1), spec, blocks), {
      code: 'ERR_SYSTEM',
      message: /a mapped file cannot be read/,
    })
  })
})
