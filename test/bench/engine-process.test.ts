/** What becomes of engines that misbehave, and engines in turns. Their part is played by small programs. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EngineFailure, EngineProcess, runToEnd } from '../../src/bench/engine/engine-process.ts'
import { type Contestant, measureInTurns } from '../../src/bench/engine/measure.ts'
import { CommandFailure } from '../../src/cli/command.ts'
import { DECODE, engineProgram, PREFILL } from '../support/engine-programs.ts'

describe('an engine in its process', () => {
  const failure = (message: RegExp) => (error: unknown) =>
    error instanceof EngineFailure && message.test(error.message)

  it('is asked and answers', async () => {
    const { process, loaded } = await EngineProcess.start(engineProgram('good'), 20_000)
    await using _process = process
    assert.equal(loaded.engine, 'good 1.0')
    assert.deepEqual(await process.run(PREFILL, 20_000), { type: 'ran', tokens: 10, seconds: 0.5 })
  })

  it('that hangs is killed within its limit and named with what it was asked', async () => {
    const { process } = await EngineProcess.start(engineProgram('sleepy', 'return'), 20_000)
    const start = performance.now()
    await assert.rejects(
      process.run(PREFILL, 300),
      failure(/^sleepy: prefill 512: no answer within 0\.3 s, killed$/),
    )
    // Gone, and not waited for.
    await process[Symbol.asyncDispose]()
    assert.ok(performance.now() - start < 10_000)
  })

  it('that hangs while it loads is killed too', async () => {
    const program = {
      name: 'heavy',
      command: process.execPath,
      args: ['-e', 'setInterval(Object, 1000)'],
    }
    await assert.rejects(EngineProcess.start(program, 300), failure(/^heavy: loading: no answer/))
  })

  it('that ends tells its last words', async () => {
    const { process } = await EngineProcess.start(
      engineProgram(
        'brittle',
        `console.error('first'); console.error('no such op'); process.exit(3)`,
      ),
      20_000,
    )
    await assert.rejects(
      process.run(DECODE, 20_000),
      failure(/^brittle: decode 8 × at 64: ended with exit code 3: no such op$/),
    )
  })

  it('that says something else is refused', async () => {
    const { process } = await EngineProcess.start(
      engineProgram('chatty', `console.log('hello')`),
      20_000,
    )
    await assert.rejects(process.run(PREFILL, 20_000), failure(/^chatty: prefill 512: .*JSON/))
    const none = await EngineProcess.start(
      engineProgram('quick', `return say({ type: 'ran', tokens: 1, seconds: 0 })`),
      20_000,
    )
    await assert.rejects(none.process.run(PREFILL, 20_000), failure(/^quick: .*"seconds":0/))
  })

  it('that cannot be started is named', async () => {
    const program = { name: 'absent', command: 'no-such-python', args: [] }
    await assert.rejects(
      EngineProcess.start(program, 20_000),
      failure(/^absent: loading: .*ENOENT/),
    )
    await assert.rejects(runToEnd(program, 20_000), failure(/^absent: .*ENOENT/))
  })

  it('that converts is given its time and no more', async () => {
    const node = (code: string) => ({ name: 'it', command: process.execPath, args: ['-e', code] })
    assert.equal(await runToEnd(node(`console.log('done')`), 20_000), 'done\n')
    await assert.rejects(
      runToEnd(node('setInterval(Object, 1000)'), 300),
      failure(/not done within 0\.3 s, killed/),
    )
  })
})

describe('engines in turns', () => {
  const contestant = (name: string, isOurs: boolean, body?: string): Contestant => ({
    name,
    isOurs,
    program: engineProgram(name, body),
  })
  const said: string[] = []
  const options = { rounds: 2, limitMs: 20_000, say: (line: string) => said.push(line) }

  it('each run every measure once a round, and one that fails stops nobody else', async () => {
    const third = `if ((globalThis.asked = (globalThis.asked ?? 0) + 1) === 4) process.exit(1)`
    const measured = await measureInTurns(
      [contestant('ours', true), contestant('broken', false, third), contestant('theirs', false)],
      [PREFILL, DECODE],
      options,
    )
    assert.deepEqual(
      measured.map(({ times }) => times.map(({ seconds }) => seconds.length)),
      [
        [2, 2],
        // Of four runs two did not count, and the last was none.
        [1, 0],
        [2, 2],
      ],
    )
    assert.match(measured[1]!.failure!, /^broken: decode 8 × at 64: ended with exit code 1/)
    const turns = said.filter((line) => line.includes('prefill')).map((line) => line.split(',')[0])
    assert.deepEqual(turns, [
      '  ours',
      '  broken',
      '  theirs',
      '  ours',
      '  broken',
      '  theirs',
      '  ours',
      '  theirs',
    ])
  })

  it('say of a peer that cannot be loaded why, and end where ours cannot', async () => {
    const absent = { name: 'absent', command: 'no-such-program', args: [] }
    const peer = { name: 'absent', isOurs: false, program: absent }
    const [, of] = await measureInTurns([contestant('ours', true), peer], [PREFILL], options)
    assert.match(of!.failure!, /ENOENT/)
    assert.equal(of!.loaded, undefined)
    await assert.rejects(
      measureInTurns([{ ...peer, isOurs: true }], [PREFILL], options),
      CommandFailure,
    )
  })
})
