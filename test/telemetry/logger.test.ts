import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/telemetry/logger.ts'

function capture(pretty: boolean) {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  return { lines, logger: createLogger({ level: 'info', pretty, stream }) }
}

test('a line is one JSON object with level, time and message', () => {
  const { lines, logger } = capture(false)
  logger.info({ port: 8000 }, 'listening')
  logger.debug('not at this level')
  assert.equal(lines.length, 1)
  const { time, ...rest } = JSON.parse(lines[0]!)
  assert.deepEqual(rest, { level: 'info', port: 8000, msg: 'listening' })
  assert.ok(!Number.isNaN(Date.parse(time)))
})

test('credentials, bodies and conversations are struck out, whoever logs them', () => {
  const { lines, logger } = capture(false)
  const headers = { authorization: 'Bearer secret', cookie: 'secret' }
  logger.error(
    { headers, req: { headers, body: 'secret' }, body: 'secret', messages: ['secret'] },
    'x',
  )
  logger.warn({ authorization: 'secret', apiKey: 'secret', prompt: 'secret' }, 'x')
  assert.doesNotMatch(lines.join(''), /secret/)
  assert.match(lines.join(''), /redacted/)
})

test('for people a line is short, and a stack stands below it', () => {
  const { lines, logger } = capture(true)
  logger.info({ url: 'http://127.0.0.1:8000', note: 'two words' }, 'listening')
  logger.error(new Error('broken'))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is removed
  const plain = lines.map((line) => line.replace(/\x1b\[\d+m/g, ''))
  assert.match(
    plain[0]!,
    /^\d\d:\d\d:\d\d info {2}listening url=http:\/\/127\.0\.0\.1:8000 note="two words"\n$/,
  )
  assert.match(plain[1]!, /error broken\nError: broken\n {4}at /)
})

test('what an error and its cause both say stands once, and what the cause alone says too', () => {
  const { lines, logger } = capture(false)
  const cause = new Error('no such file')
  logger.error({ err: new Error('poet: no such file', { cause }) }, 'x')
  logger.error({ err: new Error('poet: cannot be read', { cause }) }, 'x')
  const circle = new Error('round')
  circle.cause = circle
  logger.error(circle)
  const messages = lines.map((line) => JSON.parse(line).err.message)
  assert.deepEqual(messages, ['poet: no such file', 'poet: cannot be read: no such file', 'round'])
  assert.match(JSON.parse(lines[0]!).err.stack, /caused by: Error: no such file/)
})
