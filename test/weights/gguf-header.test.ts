import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { readGguf } from '../../src/weights/gguf.ts'
import { MoreBytesNeeded, parseGgufHeader } from '../../src/weights/gguf-header.ts'
import { GgufMetadata } from '../../src/weights/gguf-metadata.ts'
import { type GgufToWrite, ggufBytes, writeGguf } from '../support/gguf-file.ts'

const KNOWN = resolve(import.meta.dirname, '../fixtures/gguf/blocks.gguf')
const scratch = mkdtempSync(join(tmpdir(), 'aerie-gguf-'))
after(() => rmSync(scratch, { recursive: true }))

const parse = (bytes: Uint8Array) => parseGgufHeader(bytes, bytes.length)
const refused = (message: RegExp) => ({ code: 'invalid_package', message })
const vector = (length = 8) => ({ shape: [length], data: new Float32Array(length) })
const small = (changes: Partial<GgufToWrite> = {}) =>
  ggufBytes({ metadata: { 'a.b': ['u32', 7] }, tensors: { x: vector() }, ...changes })

describe('the header of a GGUF file', () => {
  it("gives every value that the format's own library wrote", async () => {
    const { version, metadata, tensors } = await readGguf(KNOWN)
    assert.equal(version, 3)
    const number = (name: string) => metadata.number(`value.${name}`)
    assert.deepEqual(['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'f32', 'i64', 'f64'].map(number), [
      255,
      -128,
      65535,
      -32768,
      4294967295,
      -2147483648,
      0.5,
      -(2 ** 40),
      0.1,
    ])
    assert.equal(metadata.boolean('value.bool'), true)
    assert.equal(metadata.string('value.string'), '漢字 and 🪶')
    assert.deepEqual(metadata.strings('value.strings'), ['a', '', '漢'])
    assert.deepEqual(metadata.numbers('value.numbers'), [1, -2, 3])
    // More than a number holds; nothing that we read may be so large.
    assert.throws(
      () => metadata.number('value.u64'),
      refused(/^value.u64: .*18446744073709551615$/),
    )
    assert.equal(tensors.length, 20)
    assert.ok(tensors.every(({ offset }) => offset % 64 === 0))
    assert.deepEqual(tensors.find(({ name }) => name === 'Q6_K')?.shape, [3, 512])
  })

  it('is read in versions 2 and 3, and no other', () => {
    for (const version of [2, 3]) assert.equal(parse(small({ version })).version, version)
    for (const version of [0, 1, 4])
      assert.throws(() => parse(small({ version })), refused(/version . is not supported/))
    const swapped = small()
    swapped.writeUInt32BE(3, 4)
    assert.throws(() => parse(swapped), refused(/big-endian/))
    assert.throws(() => parse(Buffer.from('{"a": 1}')), refused(/does not begin with GGUF/))
    assert.throws(() => parse(new Uint8Array()), refused(/ends at byte 4 of a file of 0 bytes/))
  })

  it('gives tensors slowest dimension first, where they lie', () => {
    const [first, second] = parse(
      small({
        alignment: 128,
        tensors: { x: { shape: [2, 3], data: new Float32Array(6) }, y: vector() },
      }),
    ).tensors
    assert.deepEqual(first?.shape, [2, 3])
    assert.equal(first!.offset % 128, 0)
    assert.equal(second!.offset - first!.offset, 128)
  })

  it('refuses tensors that cannot be where it says', () => {
    const info = (change: (bytes: Buffer, at: number) => void, tensors = { x: vector() }) => {
      const bytes = small({ tensors })
      // Behind the name: dimensions u32, size u64, type u32, offset u64.
      change(bytes, bytes.indexOf('\x01\0\0\0\0\0\0\0x') + 9)
      return () => parse(bytes)
    }
    const refusals: [() => unknown, RegExp][] = [
      [info((b, at) => b.writeUInt32LE(0, at)), /"x" has 0 dimensions/],
      [info((b, at) => b.writeUInt32LE(5, at)), /"x" has 5 dimensions/],
      [info((b, at) => b.writeBigUInt64LE(0n, at + 4)), /"x" has the shape \[0\]/],
      [info((b, at) => b.writeBigUInt64LE(9n, at + 4)), /"x" ends at byte \d+ of a file/],
      [info((b, at) => b.writeBigUInt64LE(2n ** 63n, at + 4)), /is more than/],
      [info((b, at) => b.writeUInt32LE(23, at + 12)), /"x" is of type IQ4_XS, which is not/],
      [info((b, at) => b.writeUInt32LE(77, at + 12)), /"x" is of type number 77, which is not/],
      [
        info((b, at) => b.writeUInt32LE(2, at + 12)),
        /rows of 8 elements are not whole blocks of Q4_0/,
      ],
      [info((b, at) => b.writeBigUInt64LE(8n, at + 16)), /no multiple of 32/],
      [info((b, at) => b.writeBigUInt64LE(32n, at + 16)), /"x" ends at byte/],
      [info((b, at) => b.writeBigUInt64LE(2n ** 62n, at + 16)), /is more than/],
    ]
    for (const [call, message] of refusals) assert.throws(call, refused(message), String(message))
    const two = small({ tensors: { x: vector(), y: vector() } })
    two.writeBigUInt64LE(0n, two.indexOf('\x01\0\0\0\0\0\0\0y') + 9 + 16)
    assert.throws(() => parse(two), refused(/tensors "x" and "y" overlap/))
    two[two.indexOf('\x01\0\0\0\0\0\0\0y') + 8] = 0x78
    assert.throws(() => parse(two), refused(/tensor "x" occurs twice/))
  })

  it('refuses metadata that lies about lengths and kinds', () => {
    const behindKey = (
      change: (bytes: Buffer, at: number) => void,
      value = ['u32', 7] as const,
    ) => {
      const bytes = small({ metadata: { 'a.b': value } })
      change(bytes, bytes.indexOf('a.b') + 3)
      return () => parse(bytes)
    }
    assert.throws(
      behindKey((b, at) => b.writeUInt32LE(13, at)),
      refused(/"a.b": value type 13/),
    )
    assert.throws(
      behindKey((b, at) => b.writeUInt32LE(7, at)),
      refused(/"a.b": 7 is neither/),
    )
    const list = ['u32', [1, 2, 3]] as unknown as readonly ['u32', 7]
    const longer = (count: bigint) => behindKey((b, at) => b.writeBigUInt64LE(count, at + 8), list)
    assert.throws(longer(2n ** 20n), refused(/"a.b" ends at byte \d+ of a file of \d+ bytes/))
    assert.throws(longer(2n ** 60n), refused(/is more than/))
    const nested = behindKey((b, at) => b.fill(9, at, at + 1).writeUInt32LE(9, at + 4), list)
    assert.throws(nested, AerieError)
    const counts = small()
    counts.writeBigUInt64LE(2n ** 40n, 8)
    assert.throws(() => parse(counts), refused(/number of tensors: 1099511627776 is more than/))
    counts.writeBigUInt64LE(1n, 8).valueOf()
    counts.writeBigUInt64LE(65_000n, 16)
    assert.throws(() => parse(counts), AerieError)
    for (const alignment of [3, 2 ** 20])
      assert.throws(
        () => parse(small({ metadata: { 'general.alignment': ['u32', alignment] } })),
        refused(/general.alignment: expected a power of two/),
      )
    const twice = small({ metadata: { ab: ['u32', 1], cb: ['u32', 1] } })
    twice[twice.indexOf('cb')] = 0x61
    assert.throws(() => parse(twice), refused(/key "ab" occurs twice/))
    const text = small({ metadata: { key: ['string', 'ab'] } })
    text[text.indexOf('\x02\0\0\0\0\0\0\0ab') + 9] = 0xff
    assert.throws(() => parse(text), refused(/byte \d+, key: the text is not UTF-8/))
  })

  it('keeps lists as bytes until they are asked for', () => {
    const bytes = small({ metadata: { list: ['string', ['ab']] } })
    bytes[bytes.indexOf('\x02\0\0\0\0\0\0\0ab') + 9] = 0xff
    const metadata = new GgufMetadata(parse(bytes).metadata)
    assert.throws(() => metadata.strings('list'), refused(/list: the text is not UTF-8/))
    assert.throws(() => metadata.numbers('none'), refused(/^none: expected .*, got nothing$/))
    assert.throws(() => metadata.string('list'), refused(/^list: .*got a list of 1 × string$/))
  })
})

describe('a GGUF file', () => {
  it('is read as far as its header goes, however long that is', async () => {
    const path = join(scratch, 'long.gguf')
    const words = Array.from({ length: 200_000 }, (_, i) => `word ${i}`)
    writeGguf(path, { metadata: { words: ['string', words] }, tensors: { x: vector() } })
    const { metadata } = await readGguf(path)
    assert.deepEqual(metadata.strings('words'), words)
  })

  it('says how much more of the header it needs', () => {
    const bytes = small()
    assert.throws(
      () => parseGgufHeader(bytes.subarray(0, 30), bytes.length),
      (error: unknown) => error instanceof MoreBytesNeeded && error.bytes > 30,
    )
  })

  it('that is cut short or cannot be opened is named', async () => {
    const path = join(scratch, 'short.gguf')
    writeFileSync(path, readFileSync(KNOWN))
    truncateSync(path, 70_000)
    await assert.rejects(
      readGguf(path),
      refused(/short\.gguf: GGUF: tensor "\w+(\.floats)?" ends at/),
    )
    await assert.rejects(
      readGguf(join(scratch, 'none.gguf')),
      refused(/none\.gguf cannot be opened/),
    )
  })
})
