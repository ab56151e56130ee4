import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadLimits, parseLimits } from '../../src/limits/rules.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('a name has what the default says, but for what its own rule says', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'limits.yaml')
  await writeFile(
    file,
    `
default:
  requestsPerMinute: 60
  tokensPerMinute: 10000
  mediaBytesPerMinute: 256MiB
  concurrentRequests: 4
keys:
  radiology:
    tokensPerMinute: 500000
    mediaPixelsPerMinute: 1000000000
    concurrentRequests: unlimited
    mediaBytesPerMinute: null
  anonymous: {}
`,
  )
  const rules = await loadLimits(file)
  assert.deepEqual(rules.names, ['radiology', 'anonymous'])
  assert.deepEqual(rules.of('radiology'), {
    perMinute: { requests: 60, tokens: 500_000, mediaPixels: 1e9 },
    concurrentRequests: undefined,
  })
  const others = {
    perMinute: { requests: 60, tokens: 10_000, mediaBytes: 256 * 2 ** 20 },
    concurrentRequests: 4,
  }
  for (const name of ['anonymous', 'anyone', 'constructor'])
    assert.deepEqual(rules.of(name), others)
})

test('everything that is wrong is named, with where it stands and what was expected', () => {
  assert.throws(
    () =>
      parseLimits(
        {
          defaults: {},
          default: { requestPerMinute: 3, tokensPerMinute: 0, concurrentRequests: '4' },
          keys: { 'no name': {}, ward: 7, other: { mediaBytesPerMinute: '3 apples', hosts: 1 } },
        },
        'limits.yaml',
      ),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, 'invalid_config')
      assert.deepEqual(error.message.split('\n'), [
        'limitsFile: limits.yaml: defaults: unknown; expected default or keys',
        'limitsFile: limits.yaml: default.requestPerMinute: unknown limit; did you mean requestsPerMinute?',
        'limitsFile: limits.yaml: default.tokensPerMinute: expected a whole number from 1, or unlimited, got 0',
        'limitsFile: limits.yaml: default.concurrentRequests: expected a whole number from 1, or unlimited, got "4"',
        'limitsFile: limits.yaml: keys.no name: expected the name of a key, as the key file has it',
        'limitsFile: limits.yaml: keys.ward: expected an object of limits, got 7',
        'limitsFile: limits.yaml: keys.other.mediaBytesPerMinute: expected a whole number from 1, a size such as 256MiB, or unlimited, got "3 apples"',
        'limitsFile: limits.yaml: keys.other.hosts: unknown limit; expected requestsPerMinute, tokensPerMinute, mediaBytesPerMinute, mediaPixelsPerMinute, concurrentRequests',
      ])
      return true
    },
  )
  for (const content of [null, [], 'default', 3])
    assert.throws(() => parseLimits(content, 'limits.json'), /expected an object with default/)
})

test('a file that is not there, is not JSON or has another ending is refused by name', async () => {
  await using folder = await temporaryFolder()
  const broken = join(folder.path, 'limits.json')
  await writeFile(broken, '{')
  for (const [file, what] of [
    [join(folder.path, 'none.yaml'), /none\.yaml: ENOENT/],
    [broken, /limits\.json: .*JSON/],
    ['limits.txt', /expected a file ending in/],
  ] as const)
    await assert.rejects(loadLimits(file), { code: 'invalid_config', message: what })
})

test('bytes are sizes as everywhere in the configuration', () => {
  const bytesOf = (mediaBytesPerMinute: unknown) =>
    parseLimits({ default: { mediaBytesPerMinute } }, 'limits.yaml').of('ward').perMinute.mediaBytes
  assert.deepEqual(['1.5GiB', '2GB', '300 kib', '4096', 4096].map(bytesOf), [
    1.5 * 2 ** 30,
    2e9,
    300 * 1024,
    4096,
    4096,
  ])
  for (const wrong of ['1.5', '0GiB', '-1GiB', 'GiB', '3 apples', ''])
    assert.throws(
      () => bytesOf(wrong),
      /mediaBytesPerMinute: expected a whole number from 1/,
      wrong,
    )
})
