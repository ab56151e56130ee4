/** What holds for all clips, captions and lists. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readLines } from '../../src/caption/lines.ts'
import { parseListLine } from '../../src/caption/list-line.ts'
import { cutAtScenes, cutSegments } from '../../src/caption/segments.ts'
import { subtitlePath } from '../../src/caption/subtitle-file.ts'
import { subtitles } from '../../src/caption/subtitles.ts'
import { propertyRuns } from '../support/property-runs.ts'

const seconds = (min: number, max: number) =>
  fc.double({ min, max, noNaN: true, noDefaultInfinity: true })

test('segments cover the window exactly, in order, and none is empty', (t) => {
  fc.assert(
    fc.property(seconds(0, 1e5), seconds(1e-3, 1e5), seconds(0.1, 1e4), (start, length, piece) => {
      const end = start + length
      const spans = cutSegments({ start, end }, { seconds: piece })
      if (spans === undefined) return assert.ok(length / piece > 99_999)
      assert.equal(spans[0]!.start, start)
      assert.equal(spans.at(-1)!.end, end)
      for (const [i, span] of spans.entries()) {
        assert.ok(span.end > span.start)
        if (i > 0) assert.equal(span.start, spans[i - 1]!.end)
      }
    }),
    propertyRuns(200, t, 0.1),
  )
})

test('segments at scenes cover the window exactly, none shorter than the least or longer than the longest', (t) => {
  fc.assert(
    fc.property(
      seconds(0, 1e5),
      seconds(0.01, 500),
      fc.array(seconds(0, 1), { maxLength: 30 }),
      fc.integer({ min: 100, max: 5000 }),
      fc.integer({ min: 2, max: 20 }),
      (start, length, shares, leastMs, times) => {
        const end = start + length
        const least = leastMs / 1000
        const longest = (leastMs * times) / 1000
        const changes = shares.map((share) => start + share * length).sort((a, b) => a - b)
        const spans = cutAtScenes({ start, end }, changes, { least, longest })!
        assert.equal(spans[0]!.start, start)
        assert.equal(spans.at(-1)!.end, end)
        const rounding = 0.0011
        for (const [i, span] of spans.entries()) {
          const seconds = span.end - span.start
          assert.ok(seconds > 0 && seconds <= longest + rounding, `${seconds}`)
          assert.ok(seconds >= Math.min(least, length) - rounding, `${seconds}`)
          if (i > 0) assert.equal(span.start, spans[i - 1]!.end)
        }
      },
    ),
    propertyRuns(200, t, 0.5),
  )
})

/** Reads as a strict player would; throws at what is no file of its kind. */
function readSubtitles(file: string, format: 'srt' | 'vtt'): { times: string; text: string }[] {
  const blocks = file.split('\n\n')
  if (format === 'vtt') assert.equal(blocks.shift()?.trimEnd(), 'WEBVTT')
  return blocks
    .map((block) => block.replace(/\n$/, ''))
    .filter((block) => block !== '')
    .map((block, i) => {
      const lines = block.split('\n')
      if (format === 'srt') assert.equal(lines.shift(), String(i + 1))
      const times = lines.shift()!
      const mark = format === 'srt' ? ',' : '\\.'
      const clock = `\\d{2,}:[0-5]\\d:[0-5]\\d${mark}\\d{3}`
      assert.match(times, new RegExp(`^${clock} --> ${clock}$`))
      assert.ok(lines.length > 0)
      return { times, text: lines.join('\n') }
    })
}

const hostile = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        '\n',
        '\r\n',
        '\n\n',
        '-->',
        '<i>',
        '</i>',
        '&lt;',
        '{\\an8}',
        '\u2028',
        '\0',
        '1\n',
        'NOTE x',
        'STYLE',
      ),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''))

test('subtitles stay subtitles, whatever a caption says', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ text: hostile, start: seconds(0, 4e5), length: seconds(0, 100) }), {
        maxLength: 4,
      }),
      fc.constantFrom('srt', 'vtt'),
      (cues, format) => {
        const file = subtitles(
          cues.map(({ text, start, length }) => ({ text, start, end: start + length })),
          format,
        )
        const read = readSubtitles(file, format)
        const shown = cues.filter(({ text }) => /[^\s\0]/u.test(text.replaceAll('\u0085', ' ')))
        assert.ok(read.length <= shown.length)
        for (const { text } of read) {
          assert.ok(!text.includes('-->'))
          assert.ok(!text.includes('<'))
        }
      },
    ),
    propertyRuns(300, t, 0.5),
  )
})

test('subtitle files lie in their folder, each clip in its own', (t) => {
  const id = fc
    .array(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 10 }),
        fc.constantFrom('/', '..', '/../', '.', 'a', '\\', '\0'),
      ),
      { minLength: 1, maxLength: 10 },
    )
    .map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(id, id, (one, other) => {
      const path = subtitlePath(one, 'vtt')
      assert.ok(!path.startsWith('/') && !path.split('/').includes('..') && path.endsWith('.vtt'))
      for (const part of path.split('/'))
        assert.ok(part !== '' && Buffer.byteLength(part) < 220 && !part.includes('\0'))
      if (one !== other) assert.notEqual(path, subtitlePath(other, 'vtt'))
    }),
    propertyRuns(300, t, 0.5),
  )
})

test('lines are those of the whole text, wherever its bytes are cut', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(hostile, { maxLength: 6 }),
      fc.array(fc.nat(40), { maxLength: 6 }),
      async (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll('\n', ' '))
        const bytes = Buffer.from(lines.join('\n'))
        const pieces = async function* () {
          let at = 0
          for (const length of cuts) {
            yield bytes.subarray(at, at + length)
            at += length
          }
          yield bytes.subarray(at)
        }
        const read: string[] = []
        for await (const { text } of readLines(pieces(), 'a list')) read.push(text)
        const whole = bytes.toString()
        assert.deepEqual(read, whole === '' ? [] : whole.replace(/\n$/, '').split('\n'))
      },
    ),
    propertyRuns(200, t, 0.2),
  )
})

test('a line of a list is a clip, a named problem or nothing, and never throws', (t) => {
  const json = fc.dictionary(
    fc.constantFrom('path', 'url', 'id', 'start', 'end', 'prompt', 'segment', 'other'),
    fc.oneof(
      fc.jsonValue({ maxDepth: 1 }),
      fc.constantFrom('a.mp4', 'https://h/a.mp4', '10s', 'whole', 1, 2.5),
    ),
  )
  const line = fc.oneof(
    fc.string({ unit: 'binary' }),
    json.map((value) => JSON.stringify(value)),
    fc.string().map((s) => `{${s}`),
  )
  fc.assert(
    fc.property(line, (text) => {
      const found = parseListLine({ number: 1, text })
      if (found === undefined) return
      assert.ok(found.id.length > 0)
      if ('problem' in found) return assert.ok(found.problem.length > 0)
      assert.ok(found.source.length > 0 && !found.source.includes('\0'))
      const { start = 0, end = Number.POSITIVE_INFINITY } = found
      assert.ok(start >= 0 && end > start)
    }),
    propertyRuns(300, t),
  )
})
