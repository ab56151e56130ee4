import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseArguments } from '../../src/cli/arguments.ts'
import { askCommand } from '../../src/cli/ask.ts'
import { type Command, integerOption, UsageError } from '../../src/cli/command.ts'
import { serveCommand } from '../../src/cli/serve.ts'

const serve = (...args: string[]) => parseArguments(serveCommand, args)

describe('the command line', () => {
  it('takes every configuration key as a flag, with a space or an equals sign', () => {
    const { config } = serve('--port', '9000', '--max-running=8')
    assert.deepEqual(config, { port: '9000', maxRunning: '8' })
  })

  it('takes switches alone, with a value, and negated', () => {
    assert.deepEqual(serve('--allow-svg').config, { allowSvg: true })
    assert.deepEqual(serve('--allow-svg=false').config, { allowSvg: 'false' })
    assert.deepEqual(serve('--no-allow-svg').config, { allowSvg: 'false' })
  })

  it('collects a repeated list', () => {
    const { config } = serve('--fetch-allowed-hosts', 'a.org', '--fetch-allowed-hosts', 'b.org')
    assert.deepEqual(config, { fetchAllowedHosts: ['a.org', 'b.org'] })
  })

  it('keeps the last of a repeated single value', () => {
    assert.deepEqual(serve('--port', '1', '--port', '2').config, { port: '2' })
  })

  it('names the configuration file apart from its keys', () => {
    const parsed = serve('--config', 'a.yaml')
    assert.equal(parsed.configFile, 'a.yaml')
    assert.deepEqual(parsed.config, {})
  })

  it('keeps operands in order, - for standard input among them, and all after --', () => {
    const { positionals } = parseArguments(askCommand, ['-', 'b.png', '--json', '--', '--what?'])
    assert.deepEqual(positionals, ['-', 'b.png', '--what?'])
  })

  it('names the nearest flag for an unknown one', () => {
    const says = (args: string[], message: RegExp) =>
      assert.throws(
        () => serve(...args),
        (error) => error instanceof UsageError && message.test(error.message),
      )
    says(['--prot', '1'], /^unknown flag --prot; did you mean --port\?$/)
    says(['--no-alow-svg'], /^unknown flag --no-alow-svg/)
    says(['--bananas'], /^unknown flag --bananas; see `aerie serve --help`$/)
    says(['-p', '1'], /^unknown flag -p/)
    says(['--no-port'], /^unknown flag --no-port/)
  })

  it('asks for a value that is missing', () => {
    assert.throws(() => serve('--port'), /--port: expected a value/)
  })

  it('knows no server flags where there is no server', () => {
    assert.throws(() => parseArguments(askCommand, ['--port', '1']), /unknown flag --port/)
    assert.deepEqual(parseArguments(askCommand, ['--threads', '1']).config, { threads: '1' })
  })
})

describe('integer options', () => {
  const command: Command = {
    ...askCommand,
    options: {
      count: { type: 'string', description: '', default: '3' },
      other: { type: 'string', description: '' },
    },
  }
  const read = (name: string, ...args: string[]) =>
    integerOption(parseArguments(command, args), command, name)

  it('fall back to their default, or to nothing', () => {
    assert.equal(read('count'), 3)
    assert.equal(read('other'), undefined)
    assert.equal(read('count', '--count', '10'), 10)
  })

  it('refuse all else', () => {
    for (const text of ['0', '1.5', 'x', '1e3', '']) {
      assert.throws(
        () => read('count', `--count=${text}`),
        /--count: expected an integer, at least 1/,
      )
    }
    assert.throws(() => read('count', '--count=-3'), UsageError)
  })
})
