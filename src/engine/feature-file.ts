/**
 * The form of an entry of the feature cache on disk: eight bytes of magic, the length of the head as a 32-bit word, the
 * head as JSON, float32 values `[rows, values / rows]`, and the SHA-256 of all that. Little-endian, as the floats are.
 */
import { createHash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync, writevSync } from 'node:fs'
import { sharedMemoryPassed } from '../free-memory.ts'
import type { Features } from './types.ts'

const MAGIC = 'AERIEFT1'
const PREFIX_BYTES = MAGIC.length + 4
const DIGEST_BYTES = 32
const FLOAT_BYTES = Float32Array.BYTES_PER_ELEMENT
/** Heads have a key, two numbers and a few words on the picture. */
const MAX_HEAD_BYTES = 64 * 1024

interface Head {
  readonly key: string
  readonly rows: number
  /** Floats. */
  readonly values: number
  readonly conversions: readonly string[] | undefined
  readonly seconds: readonly number[] | undefined
}

/** A file that is there and is no entry, or not the one that was asked for. */
export class BadFeatureFile extends Error {
  override readonly name = 'BadFeatureFile'
}

/** A new file that only this user may read, written whole; throws the system's errors, after which it may be there in part. */
export function writeFeatureFile(path: string, features: Features): void {
  const parts = partsOf(features)
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    writeAll(fd, parts)
  } finally {
    closeSync(fd)
  }
}

/** Bytes that the file of these features takes. */
export function featureFileBytes(features: Features): number {
  return partsOf(features, { digest: false }).reduce((sum, part) => sum + part.byteLength, 0)
}

/**
 * The features of a file, in shared memory. Throws {@link BadFeatureFile} for anything but a whole file of `key` that
 * this user wrote, and the system's errors, `ENOENT` among them.
 */
export function readFeatureFile(path: string, key: string): Features {
  // Neither through a link, nor waiting for the other end of a pipe.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new BadFeatureFile('it is no file')
    if (isForeign(stat.uid)) throw new BadFeatureFile(`it belongs to user ${stat.uid}`)
    return readOpened(fd, stat.size, key)
  } finally {
    closeSync(fd)
  }
}

/** Whether something on disk belongs to another user than the one that this process runs as. */
export function isForeign(uid: number): boolean {
  return process.geteuid !== undefined && process.geteuid() !== uid
}

function readOpened(fd: number, size: number, key: string): Features {
  const prefix = readAll(fd, Buffer.alloc(PREFIX_BYTES))
  if (prefix.toString('latin1', 0, MAGIC.length) !== MAGIC) throw new BadFeatureFile('wrong magic')
  const headBytes = prefix.readUInt32LE(MAGIC.length)
  if (headBytes > MAX_HEAD_BYTES) throw new BadFeatureFile(`a head of ${headBytes} bytes`)
  const headText = readAll(fd, Buffer.alloc(headBytes))
  const head = parseHead(headText)
  if (head.key !== key) throw new BadFeatureFile('it holds another key')
  const expected = PREFIX_BYTES + headBytes + head.values * FLOAT_BYTES + DIGEST_BYTES
  if (size !== expected) throw new BadFeatureFile(`${size} bytes, expected ${expected}`)
  const data = new Float32Array(new SharedArrayBuffer(head.values * FLOAT_BYTES))
  sharedMemoryPassed(data.byteLength)
  readAll(fd, bytesOf(data))
  const digest = readAll(fd, Buffer.alloc(DIGEST_BYTES))
  if (!digestOf([prefix, headText, bytesOf(data)]).equals(digest)) {
    throw new BadFeatureFile('wrong checksum')
  }
  const { rows, conversions, seconds } = head
  return { key, rows, data, ...(conversions && { conversions }), ...(seconds && { seconds }) }
}

function parseHead(text: Buffer): Head {
  let head: unknown
  try {
    head = JSON.parse(text.toString())
  } catch (cause) {
    throw new BadFeatureFile('its head is no JSON', { cause })
  }
  if (isHead(head)) return head
  throw new BadFeatureFile('its head is of another form')
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false
  const { key, rows, values, conversions, seconds } = value as Partial<Record<keyof Head, unknown>>
  return (
    typeof key === 'string' &&
    isCount(rows) &&
    isCount(values) &&
    values % rows === 0 &&
    isListOf(conversions, (item) => typeof item === 'string') &&
    isListOf(seconds, Number.isFinite)
  )
}

function isListOf(value: unknown, is: (item: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(is))
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function partsOf(features: Features, { digest = true } = {}): Uint8Array[] {
  const { key, rows, data, conversions, seconds } = features
  const head: Head = { key, rows, values: data.length, conversions, seconds }
  const text = Buffer.from(JSON.stringify(head))
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.write(MAGIC, 'latin1')
  prefix.writeUInt32LE(text.length, MAGIC.length)
  const parts = [prefix, text, bytesOf(data)]
  return [...parts, digest ? digestOf(parts) : Buffer.alloc(DIGEST_BYTES)]
}

function digestOf(parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Fills the buffer. */
function readAll<Bytes extends Uint8Array>(fd: number, into: Bytes): Bytes {
  for (let done = 0; done < into.byteLength; ) {
    const count = readSync(fd, into, done, into.byteLength - done, null)
    if (count === 0) throw new BadFeatureFile('it is cut off')
    done += count
  }
  return into
}

function writeAll(fd: number, parts: readonly Uint8Array[]): void {
  let rest = parts
  while (rest.length > 0) {
    let written = writevSync(fd, rest)
    rest = rest.flatMap((part) => {
      const skip = Math.min(written, part.byteLength)
      written -= skip
      return skip === part.byteLength ? [] : [part.subarray(skip)]
    })
  }
}
