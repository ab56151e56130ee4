/** Input files as they come: what is a line, what is wrong with it, and where its body lies. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Portion, type ReadRules, readLines } from '../../src/batches/read-lines.ts'
import { propertyRuns } from '../support/property-runs.ts'

const ENDPOINT = '/v1/chat/completions'
const RULES: ReadRules = { endpoint: ENDPOINT, models: ['m'], maxLineBytes: 4096, maxLines: 5000 }
const START = { bytes: 0, lines: 0 }

function request(id: string, body: object = {}): string {
  const line = { custom_id: id, method: 'POST', url: ENDPOINT, body: { model: 'm', ...body } }
  return JSON.stringify(line)
}

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(
  input: string | Buffer,
  { rules = RULES, from = START, size = 1000 } = {},
): Promise<Omit<Portion, 'progress'> & { readonly portions: readonly Portion[] }> {
  const bytes = Buffer.from(input as Buffer)
  const portions: Portion[] = []
  const source = piecesOf(bytes.subarray(from.bytes), size)
  for await (const portion of readLines(source, from, rules)) portions.push(portion)
  return {
    portions,
    lines: portions.flatMap(({ lines }) => lines),
    faults: portions.flatMap(({ faults }) => faults),
    models: [...new Set(portions.flatMap(({ models }) => models))],
  }
}

const codes = async (input: string | Buffer, rules = RULES) =>
  (await read(input, { rules })).faults.map(({ line, code, param }) => `${line} ${code} ${param}`)

describe('an input file', () => {
  it('gives each request with the place of its body', async () => {
    const text = `${request('a', { seed: 1 })}\n${request('b')}\n`
    const { lines, faults, models } = await read(text)
    assert.deepEqual([faults, models], [[], ['m']])
    assert.deepEqual(
      lines.map(({ line, customId }) => [line, customId]),
      [
        [1, 'a'],
        [2, 'b'],
      ],
    )
    const bodies = lines.map(({ offset, length }) =>
      JSON.parse(Buffer.from(text).toString('utf8', offset, offset + length)),
    )
    assert.deepEqual(bodies, [{ model: 'm', seed: 1 }, { model: 'm' }])
  })

  it('may have carriage returns, a byte order mark, empty lines and no end', async () => {
    const text = `\ufeff${request('a')}\r\n\r\n  \n${request('b')}`
    const { lines, faults } = await read(text)
    assert.deepEqual(faults, [])
    assert.deepEqual(
      lines.map(({ line }) => line),
      [1, 4],
    )
    const { offset, length } = lines[0]!
    assert.deepEqual(JSON.parse(Buffer.from(text).toString('utf8', offset, offset + length)), {
      model: 'm',
    })
  })

  it('of no bytes, or of blank lines, has no lines', async () => {
    assert.deepEqual((await read('')).portions, [])
    assert.deepEqual((await read('\n\n \r\n')).lines, [])
  })

  it('names every line that is no request, and what is wrong with it', async () => {
    const bad = [
      'no JSON',
      '[]',
      '"text"',
      '{"custom_id":"x"',
      JSON.stringify({ custom_id: '', method: 'GET', url: '/v1/files', body: [] }),
      JSON.stringify({
        custom_id: 'x',
        method: 'POST',
        url: ENDPOINT,
        body: { model: 7 },
        more: 1,
      }),
      request('stream', { stream: true }),
      request('model', { model: 'other' }),
    ]
    assert.deepEqual(await codes([request('fine'), ...bad].join('\n')), [
      '2 invalid_json_line null',
      '3 invalid_json_line null',
      '4 invalid_json_line null',
      '5 invalid_json_line null',
      '6 invalid_request custom_id',
      '6 invalid_method method',
      '6 url_mismatch url',
      '6 invalid_request body',
      '7 unknown_parameter more',
      '7 invalid_request body.model',
      '8 unsupported_parameter body.stream',
      '9 model_not_found body.model',
    ])
  })

  it('that is not UTF-8 is told so, and no message quotes it', async () => {
    const { faults } = await read(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('secret')]))
    assert.match(faults[0]!.message, /UTF-8/)
    assert.doesNotMatch(JSON.stringify(faults), /secret/)
  })

  it('with a line that is too long skips it in a bounded memory and goes on behind it', async () => {
    const long = request('long', { x: 'y'.repeat(10 * 2 ** 20) })
    const { lines, faults } = await read(`${request('a')}\n${long}\n${request('b')}\n`, {
      size: 65_536,
    })
    assert.deepEqual(
      lines.map(({ customId }) => customId),
      ['a', 'b'],
    )
    assert.match(faults[0]!.message, /more than 4096 bytes \(maxBodyBytes\)/)
    const just = request('just', { x: '' })
    const fits = request('just', { x: 'y'.repeat(4096 - just.length) })
    assert.equal((await read(`${fits}\r\n`)).lines.length, 1)
    assert.equal((await read(`${fits} \n`)).faults.length, 1)
  })

  it('with a bomb of brackets or values is refused before it is unpacked', async () => {
    const rules = { ...RULES, maxLineBytes: 2 ** 21 }
    const nested = `{"custom_id":"n","body":${'['.repeat(900_000)}`
    assert.deepEqual(await codes(nested, rules), ['1 invalid_json_line null'])
    const many = request('m', { x: Array.from({ length: 250_000 }, () => 0) })
    assert.deepEqual(await codes(many, rules), ['1 invalid_json_line null'])
  })

  it('of lines of one byte costs one fault each', async () => {
    const { faults } = await read('x\n'.repeat(1200))
    assert.equal(faults.length, 1200)
  })

  it('of more lines than there may be says so and is read no further', async () => {
    const text = Array.from({ length: 20 }, (_, i) => request(String(i))).join('\n')
    const { lines, faults } = await read(text, { rules: { ...RULES, maxLines: 10 } })
    assert.equal(lines.length, 10)
    assert.deepEqual(
      faults.map(({ line, code }) => [line, code]),
      [[11, 'too_many_tasks']],
    )
  })

  it('brings lines together that name the same media', async () => {
    const part = (url: string) => ({ type: 'image_url', image_url: { url } })
    const ask = (id: string, ...parts: object[]) =>
      request(id, { messages: [{ role: 'user', content: parts }] })
    const [red, blue] = [part('data:image/png;base64,cmVk'), part('https://example.org/blue.png')]
    const file = { type: 'file', file: { file_id: 'file-1' } }
    const text = { type: 'text', text: 'https://example.org/ is no picture' }
    const all = [
      ask('text', text),
      ask('red', red, text),
      ask('red again', text, red),
      ask('red, blue', red, blue),
      ask('blue, red', blue, red),
      ask('file', file),
    ]
    const { lines } = await read(all.join('\n'))
    assert.deepEqual(
      lines.map(({ media }) => media),
      [0, 1, 1, 2, 2, 1],
    )
    const first = lines.map(({ firstMedia }) => firstMedia)
    const whole = lines.map(({ allMedia }) => allMedia)
    assert.equal(first[0], undefined)
    assert.deepEqual([first[1], whole[1]], [first[2], whole[2]])
    assert.equal(first[1], first[3])
    assert.notEqual(whole[1], whole[3])
    assert.equal(new Set([first[1], first[4], first[5]]).size, 3)
  })

  it('is read the same in pieces of any size, and from any place where reading stopped', async (t) => {
    const line = fc.oneof(
      fc.string({ maxLength: 20, unit: 'binary' }).map((s) => s.replaceAll('\n', '')),
      fc.string({ maxLength: 8 }).map((s) => request(`id ${s}`, { s })),
    )
    const input = fc.array(line, { maxLength: 12 }).map((all) => Buffer.from(all.join('\n')))
    const property = fc.asyncProperty(
      input,
      fc.integer({ min: 1, max: 40 }),
      async (bytes, size) => {
        const whole = await read(bytes)
        const pieces = await read(bytes, { size })
        assert.deepEqual(pieces.lines, whole.lines)
        assert.deepEqual(pieces.faults, whole.faults)
        for (const { offset, length } of whole.lines) {
          const body = JSON.parse(bytes.toString('utf8', offset, offset + length))
          assert.equal(body.model, 'm')
        }
        // A feed behind the third line or so: what comes then does not depend on what was read before.
        const feed = bytes.indexOf('\n')
        if (feed < 0) return
        const rest = await read(bytes, { from: { bytes: feed + 1, lines: 1 }, size })
        assert.deepEqual(
          rest.lines,
          whole.lines.filter((found) => found.line > 1),
        )
      },
    )
    await fc.assert(property, propertyRuns(200, t))
  })
})
