import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import { runCommandLine } from '../../src/cli/aerie.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import { CONFIG_KEYS } from '../../src/config.ts'
import { kebab } from '../../src/config-value.ts'

/** Runs a command line in this process and returns what it wrote. */
async function aerie(...argv: string[]) {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  streams.stdin.end()
  const code = await runCommandLine(argv, streams)
  const text = (stream: PassThrough) => String(stream.read() ?? '')
  return { code, out: text(streams.stdout), err: text(streams.stderr) }
}

describe('help', () => {
  it('lists every command with an example, on standard output', async () => {
    for (const argv of [['--help'], ['-h'], ['help']]) {
      const { code, out, err } = await aerie(...argv)
      assert.deepEqual([code, err], [0, ''])
      for (const command of COMMANDS) {
        assert.ok(out.includes(command.summary), command.name)
        assert.ok(out.includes(command.examples[0]!), command.name)
      }
    }
  })

  it('is there for every command, with each of its flags', async () => {
    for (const command of COMMANDS) {
      const words = command.name.split(' ')
      const { code, out } = await aerie(...words, '--help')
      assert.equal(code, 0)
      assert.equal((await aerie('help', ...words)).out, out)
      for (const name of Object.keys(command.options)) assert.ok(out.includes(`--${name}`), name)
      for (const key of command.configKeys) assert.ok(out.includes(`--${kebab(key)}`), key)
    }
  })

  it('shows description and default of every configuration key', async () => {
    const out = (await aerie('serve', '--help')).out.replaceAll(/\s+/g, ' ')
    for (const [key, schema] of CONFIG_KEYS) assert.ok(out.includes(schema.description), key)
    assert.match(out, /--kv-cache-bytes <size> .* \(default 256MiB\)/)
    assert.match(out, /--threads <n> .* \(default half the physical cores\)/)
  })

  it('fits a terminal of 100 columns', async () => {
    for (const command of COMMANDS) {
      const { out } = await aerie('help', ...command.name.split(' '))
      const long = out.split('\n').filter((line) => line.length > 100)
      assert.deepEqual(long, [])
    }
  })

  it('of a family of commands is the help of all of them', async () => {
    const { code, out } = await aerie('bench', '--help')
    assert.equal(code, 0)
    assert.match(
      out,
      /aerie bench serve:[\s\S]*aerie bench soak:[\s\S]*aerie bench media:[\s\S]*aerie bench frames:/,
    )
  })

  it('is not asked for by an operand after --', async () => {
    assert.equal((await aerie('doctor', '--', '--help')).code, 2)
  })
})

describe('mistakes', () => {
  it('take one line on standard error and exit code 2', async () => {
    const cases: [string[], RegExp][] = [
      [['serv'], /^aerie: unknown command 'serv'; did you mean serve\?$/],
      [['bananas'], /^aerie: unknown command 'bananas'; see `aerie --help`$/],
      [['bench'], /^aerie: bench: expected one of `bench serve`, `bench soak`, .*`bench engine`$/],
      [['serve', '--prot', '1'], /^aerie: unknown flag --prot; did you mean --port\?$/],
      [['serve', 'a', '--model', 'b'], /^aerie: two ways to name models: 'a' and --models b$/],
      [['serve', 'a', '--models', 'b,c'], /^aerie: two ways to name models: 'a' and --models b,c$/],
      [['serve', '--port', 'x'], /^aerie: --port: expected an integer from 0 to 65535, got 'x'$/],
      [['serve', '--host', '0.0.0.0'], /^aerie: host 0\.0\.0\.0 .*expected apiKeysFile/],
      [['ask'], /^aerie: expected pictures and a question/],
      [['ask', '--detail', 'huge', 'q'], /^aerie: --detail: expected one of auto, low, high/],
      [['bench', 'serve', '--clients', '0'], /^aerie: --clients: expected numbers/],
      [['bench', 'soak', '--url', 'x'], /^aerie: --url: expected a URL/],
    ]
    for (const [argv, message] of cases) {
      const { code, out, err } = await aerie(...argv)
      assert.equal(code, 2, argv.join(' '))
      assert.equal(out, '', argv.join(' '))
      assert.match(err, /^[^\n]*\n$/, argv.join(' '))
      assert.match(err.trimEnd(), message)
    }
  })

  it('without any word print the help, as a mistake', async () => {
    const { code, out, err } = await aerie()
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /Usage: aerie <command>/)
  })
})

describe('failures', () => {
  it('take one line and exit code 1: a picture that is not there', async () => {
    const { code, out, err } = await aerie('ask', 'nowhere.png', 'what is it?')
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, /^aerie: cannot read the picture nowhere\.png: .*\n$/)
  })

  it('take one line and exit code 1: a model that is not there', async () => {
    const { code, err } = await aerie('serve', '--model', 'nowhere', '--log-level', 'silent')
    assert.equal(code, 1)
    assert.match(err, /^aerie: [^\n]*nowhere[^\n]*\n$/)
  })

  it('take one line and exit code 1: a port in use', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => taken.close())
    await once(taken, 'listening')
    const address = taken.address()
    assert.ok(typeof address === 'object' && address)
    const { code, err } = await aerie(
      'serve',
      '--port',
      String(address.port),
      '--log-level',
      'silent',
    )
    assert.equal(code, 1)
    assert.match(err, /^aerie: .*EADDRINUSE.*\n$/)
  })
})

it('--version prints the version of package.json alone', async () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  assert.deepEqual(await aerie('--version'), { code: 0, out: `${version}\n`, err: '' })
})
