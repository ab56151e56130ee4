/** Damaged forms: whatever comes, the answer is in the contract, and the disk holds what is listed. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { it } from 'node:test'
import fc from 'fast-check'
import { FORM_TYPE, type FormPart, formBody } from '../support/form.ts'
import { openTestApp } from '../support/http-app.ts'
import { propertyRuns } from '../support/property-runs.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const name = fc.constantFrom(
  'file',
  'purpose',
  'expires_after[anchor]',
  'expires_after[seconds]',
  'x',
  '',
  '__proto__',
  'a[b][c]',
  'constructor',
)
const part: fc.Arbitrary<FormPart> = fc.record(
  {
    name: fc.oneof(name, fc.string()),
    filename: fc.oneof(fc.constant('a.txt'), fc.string({ unit: 'binary' })),
    type: fc.constantFrom('text/plain', 'application/octet-stream', 'application/json', 'x', ''),
    body: fc.oneof(
      fc.constantFrom('batch', 'created_at', '3600', '{}', '--aerie-0123456789abcdef'),
      fc.uint8Array({ maxLength: 3000 }),
    ),
  },
  { requiredKeys: ['body'] },
)
const good: readonly FormPart[] = [
  { name: 'purpose', body: 'batch' },
  { name: 'file', filename: 'a.txt', body: 'x'.repeat(2000) },
]

/** Forms that are nearly right, of all sorts of parts, and with bytes changed, cut out or doubled. */
const body = fc
  .record({
    parts: fc.oneof(fc.constant(good), fc.array(part, { maxLength: 6 })),
    isWhole: fc.boolean(),
    wounds: fc.array(fc.tuple(fc.nat(), fc.nat(200), fc.constantFrom('change', 'cut', 'double')), {
      maxLength: 4,
    }),
  })
  .map(({ parts, isWhole, wounds }) =>
    wounds.reduce(
      (bytes, [place, length, how]) => {
        if (bytes.length === 0) return bytes
        const at = place % (bytes.length + 1)
        if (how === 'change') return Buffer.from(bytes.with(Math.min(at, bytes.length - 1), length))
        const end = at + (how === 'cut' ? length : 0)
        const again = how === 'double' ? bytes.subarray(at, at + length) : Buffer.alloc(0)
        return Buffer.concat([bytes.subarray(0, at), again, bytes.subarray(end)])
      },
      formBody(parts, { isWhole: isWhole || parts.length === 0 }),
    ),
  )

it('no form brings the server down, and what it does not take it does not keep', async (t) => {
  await using folder = await temporaryFolder()
  await using app = await openTestApp({ store: { folder: folder.path } })
  let taken = 0
  await fc.assert(
    fc.asyncProperty(body, async (payload) => {
      const headers = { 'content-type': FORM_TYPE }
      const { status, json } = await app.request('POST', '/v1/files', { payload, headers })
      assert.ok(status < 500, JSON.stringify(json))
      if (status === 200) taken++
      else assert.ok(json.error.message.length < 1000)
      assert.equal(app.files.stats().uploads, 0)
    }),
    { ...propertyRuns(150, t), endOnFailure: true },
  )
  const { json } = await app.request('GET', '/v1/files')
  assert.equal(json.data.length, taken)
  const entries = await readdir(folder.path, { recursive: true, withFileTypes: true })
  const blobs = entries.filter((entry) => entry.isFile() && entry.parentPath.includes('blobs'))
  assert.equal(blobs.length, taken)
  t.diagnostic(`${taken} were taken`)
  assert.ok(app.log.every((line) => JSON.parse(line).level !== 'error'))
})
