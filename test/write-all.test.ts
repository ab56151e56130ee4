/** Files are written whole, also by a system that takes little at a time. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import { writeAll } from '../src/write-all.ts'

const MOST = 50_000

/** A file whose writes take no more than {@link MOST} bytes each. */
async function opened(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'aerie-write-all-'))
  const path = join(folder, 'file')
  const file = await open(path, 'wx')
  t.after(async () => {
    await file.close()
    rmSync(folder, { recursive: true })
  })
  const write = (bytes: Uint8Array, from: number, length: number, place: number | null) =>
    file.write(bytes, from, Math.min(MOST, length), place)
  return { path, slow: { write } as Pick<FileHandle, 'write'> }
}

const bytes = Buffer.from(Array.from({ length: 600_007 }, (_, i) => (i * 7919) >> 5))

it('bytes are written to their place, whatever the system takes of them at a time', async (t) => {
  const { path, slow } = await opened(t)
  await writeAll(slow, bytes, 5)
  await writeAll(slow, Buffer.from('front'), 0)
  const written = readFileSync(path)
  assert.equal(written.length, 5 + bytes.length)
  assert.equal(written.toString('latin1', 0, 5), 'front')
  assert.ok(written.subarray(5).equals(bytes))
})

it('without a place they go behind what was written before', async (t) => {
  const { path, slow } = await opened(t)
  await writeAll(slow, bytes)
  await writeAll(slow, Buffer.from('end'))
  assert.ok(readFileSync(path).equals(Buffer.concat([bytes, Buffer.from('end')])))
})
