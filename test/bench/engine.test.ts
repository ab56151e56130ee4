/** The benchmark of engines: its arithmetic, and what becomes of engines that misbehave. Their part is played by small programs. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { AccuracyCount } from '../../src/bench/engine/accuracy-count.ts'
import { type Ask, questionBytes } from '../../src/bench/engine/chat-prompt.ts'
import { engineBenchCommand } from '../../src/bench/engine/command.ts'
import {
  EngineFailure,
  EngineProcess,
  type EngineProgram,
  runToEnd,
} from '../../src/bench/engine/engine-process.ts'
import type { Decode, Measure } from '../../src/bench/engine/jobs.ts'
import { type Contestant, type Measured, measureInTurns } from '../../src/bench/engine/measure.ts'
import { PEERS, peersOption } from '../../src/bench/engine/peers.ts'
import { asMarkdown, asText, type EngineReport } from '../../src/bench/engine/report.ts'
import { measureScale, positionsFor } from '../../src/bench/engine/scale.ts'
import { asScalePlot } from '../../src/bench/engine/scale-plot.ts'
import { SHAPES, stepWeights } from '../../src/bench/engine/shapes.ts'
import { summarise } from '../../src/bench/engine/summary.ts'
import { parseArguments } from '../../src/cli/arguments.ts'
import { CommandFailure, UsageError } from '../../src/cli/command.ts'

const PREFILL: Measure = { kind: 'prefill', tokens: 512 }
const DECODE: Decode = { kind: 'decode', context: 64, batch: 8, steps: 4 }
const LIMITS = {
  source: 'a test',
  threads: 2,
  readBytesPerSecond: 1000,
  floatOperationsPerSecond: 1,
  byteOperationsPerSecond: 64_000,
  nibbleOperationsPerSecond: 128_000,
}

/** Answers as an engine does, but for what `body` does with a line first. */
const engine = (name: string, body = ''): EngineProgram => ({
  name,
  command: process.execPath,
  args: [
    '-e',
    `const say = (message) => console.log(JSON.stringify(message))
     say({ type: 'loaded', engine: '${name} 1.0', settings: 'none', weightBytes: 100 })
     require('node:readline').createInterface(process.stdin).on('line', (line) => {
       ${body}
       say({ type: 'ran', tokens: 10, seconds: 0.5 })
     })`,
  ],
})

describe('rates and ratios', () => {
  const of = (name: string, isOurs: boolean, seconds: number[]): Measured => ({
    contestant: { name, isOurs, program: engine(name) },
    loaded: { type: 'loaded', engine: name, settings: '', weightBytes: 50 },
    failure: undefined,
    times: [{ measure: DECODE, tokens: 32, seconds }],
  })

  it('are those of the best round and of the median one', () => {
    const { contestants, ratios } = summarise(
      [of('ours', true, [1, 2, 4]), of('theirs', false, [4, 4, 8])],
      { weights: { layers: 30, head: 50 }, rounds: 3, limits: LIMITS },
    )
    const [ours] = contestants
    assert.equal(ours!.bitsPerWeight, 5)
    assert.deepEqual(
      ours!.figures.map(({ name, best, median }) => [name, best, median]),
      [['decode 8 × at 64', 32, 16]],
    )
    // 32 tokens/s of 8 sequences are 4 steps a second, each of which reads 50 bytes.
    assert.equal(ours!.figures[0]!.bandwidthShare, 0.2)
    assert.deepEqual(ratios, [
      { ours: 'ours', peer: 'theirs', measure: 'decode 8 × at 64', best: 4, median: 2 },
    ])
  })

  it('are left out of measures that did not run in every round', () => {
    const { contestants, ratios } = summarise(
      [of('ours', true, [1, 2]), { ...of('theirs', false, [4]), failure: 'it fell over' }],
      { weights: { layers: 30, head: 50 }, rounds: 2, limits: undefined },
    )
    assert.deepEqual(contestants[1]!.figures, [])
    assert.equal(contestants[1]!.failure, 'it fell over')
    assert.equal(contestants[0]!.figures[0]!.bandwidthShare, null)
    assert.deepEqual(ratios, [])
  })

  it('know how many weights a step multiplies with', () => {
    // Qwen2.5-0.5B has 494 million parameters, Llama-3.2-1B 1236: with biases and norms.
    const millions = (name: keyof typeof SHAPES) => {
      const { layers, head } = stepWeights(SHAPES[name])
      return Math.round((layers + head) / 1e6)
    }
    assert.equal(millions('0.5b'), 494)
    assert.equal(millions('1b'), 1236)
  })

  it('ask for room for every context once and for what is made behind it', () => {
    assert.equal(positionsFor([DECODE]), 8 * (64 + 64) + 8 * (4 + 64))
    const longer = { ...DECODE, context: 128, batch: 1 }
    assert.equal(positionsFor([DECODE, longer]), positionsFor([DECODE]) + 128 + 64)
  })
})

describe('--peers', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(
      () => peersOption(text),
      (error) => error instanceof UsageError && message.test(error.message),
    )

  it('is some by name, all, or none', () => {
    assert.deepEqual(peersOption('openvino,llama.cpp'), ['openvino', 'llama.cpp'])
    assert.deepEqual(peersOption('all'), PEERS)
    assert.deepEqual(peersOption(undefined), [])
  })

  it('refuses one that is not known, naming it and all that are', () => {
    refused('llama.cpp,vllm', /expected all or some of llama\.cpp,openvino,.*, got 'vllm'/)
    refused('', /got ''/)
  })

  it('needs no names', () => {
    const peers = (...args: string[]) =>
      parseArguments(engineBenchCommand, args).options.get('peers')
    assert.equal(peers('--peers'), 'all')
    assert.equal(peers('--peers', '--shapes', 'tiny'), 'all')
    assert.equal(peers('--peers', 'openvino', '--rounds', '1'), 'openvino')
  })
})

describe('an engine in its process', () => {
  const failure = (message: RegExp) => (error: unknown) =>
    error instanceof EngineFailure && message.test(error.message)

  it('is asked and answers', async () => {
    const { process, loaded } = await EngineProcess.start(engine('good'), 20_000)
    await using _process = process
    assert.equal(loaded.engine, 'good 1.0')
    assert.deepEqual(await process.run(PREFILL, 20_000), { type: 'ran', tokens: 10, seconds: 0.5 })
  })

  it('that hangs is killed within its limit and named with what it was asked', async () => {
    const { process } = await EngineProcess.start(engine('sleepy', 'return'), 20_000)
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
      engine('brittle', `console.error('first'); console.error('no such op'); process.exit(3)`),
      20_000,
    )
    await assert.rejects(
      process.run(DECODE, 20_000),
      failure(/^brittle: decode 8 × at 64: ended with exit code 3: no such op$/),
    )
  })

  it('that says something else is refused', async () => {
    const { process } = await EngineProcess.start(engine('chatty', `console.log('hello')`), 20_000)
    await assert.rejects(process.run(PREFILL, 20_000), failure(/^chatty: prefill 512: .*JSON/))
    const none = await EngineProcess.start(
      engine('quick', `return say({ type: 'ran', tokens: 1, seconds: 0 })`),
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
    program: engine(name, body),
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

describe('the cost of scale', () => {
  const plan = {
    ...{ context: 128, sequences: [1, 2, 4], contexts: [128, 512], steps: 4, rounds: 2 },
    limitMs: 20_000,
  }

  it('is the best round of every number of sequences and of every context', async () => {
    const asked: number[] = []
    const programOf = (positions: number) => {
      asked.push(positions)
      return engine('good')
    }
    const scale = await measureScale('m', programOf, plan, () => undefined)
    assert.deepEqual(
      [...scale.bySequences, ...scale.byContext].map((p) => [p.sequences, p.context]),
      [
        [1, 128],
        [2, 128],
        [4, 128],
        [1, 128],
        [1, 512],
      ],
    )
    assert.ok(scale.byContext.every(({ tokensPerSecond }) => tokensPerSecond === 20))
    assert.deepEqual(scale.missing, [])
    assert.equal(asked.length, 2)
  })

  it('takes no longer than its limit: what is not measured by then is missing, by name', async () => {
    const slow = engine('slow', `if (JSON.parse(line).batch > 1) return`)
    const start = performance.now()
    const scale = await measureScale(
      'm',
      () => slow,
      { ...plan, limitMs: 3000 },
      () => undefined,
    )
    assert.ok(performance.now() - start < 15_000)
    assert.deepEqual(
      scale.bySequences.map(({ sequences }) => sequences),
      [1],
    )
    assert.match(
      scale.missing.join('\n'),
      /decode 2 × at 128, decode 4 × at 128: slow: .*no answer/,
    )
    assert.match(scale.missing.join('\n'), /decode at 128, decode at 512: /)
  })
})

describe('chats of two servers', () => {
  const counts = (around: number, answered?: number): Ask => {
    return async (bytes, answerTokens) => ({
      promptTokens: around + bytes,
      answerTokens: answered ?? answerTokens,
      ms: 1,
    })
  }
  const chat = { promptTokens: 512, answerTokens: 64 }
  const refused = (ask: Ask, message: RegExp) =>
    assert.rejects(
      questionBytes('it', ask, chat),
      (error) => error instanceof EngineFailure && message.test(error.message),
    )

  it('are equally long, whatever the templates take', async () => {
    assert.equal(await questionBytes('ours', counts(257), chat), 255)
    assert.equal(await questionBytes('theirs', counts(430), chat), 82)
  })

  it('are refused where a server counts otherwise, answers less, or has no room', async () => {
    await refused(counts(257, 63), /63 of an answer, expected 512 and 64/)
    await refused(counts(510), /take 510 of 512 tokens, and leave none/)
    const uneven: Ask = async (bytes) => ({ promptTokens: 2 * bytes, answerTokens: 64, ms: 1 })
    await refused(uneven, /counts 960 tokens of a prompt/)
  })
})

it('perplexity and divergence are those of the next tokens', () => {
  // Two tokens, two positions: what foretells the second token is half and half, or three to one for it.
  const even = Float32Array.of(0, 0)
  const sure = Float32Array.of(0, Math.log(3))
  const countOf = (first: Float32Array) => {
    const count = new AccuracyCount()
    count.add(even, first, 1)
    count.add(even, even, undefined)
    return count.result
  }
  const same = countOf(even)
  assert.equal(same.perplexity, 2)
  assert.deepEqual([same.divergenceMean, same.likeliestEqual], [0, 1])
  const other = countOf(sure)
  assert.ok(Math.abs(other.perplexity - 4 / 3) < 1e-6)
  assert.equal(other.likeliestEqual, 0.5)
  // ½ ln(½ / ¼) + ½ ln(½ / ¾), at one of two positions.
  assert.ok(Math.abs(other.divergenceMean - Math.log(4 / 3) / 4) < 1e-4)
})

describe('the report', () => {
  const { contestants, ratios } = summarise(
    [
      {
        contestant: { name: 'Aerie int4-32', isOurs: true, program: engine('ours') },
        loaded: { type: 'loaded', engine: 'Aerie', settings: '2 threads', weightBytes: 50 },
        failure: undefined,
        times: [{ measure: PREFILL, tokens: 512, seconds: [1, 2, 4] }],
      },
      {
        contestant: { name: 'openvino', isOurs: false, program: engine('theirs') },
        loaded: { type: 'loaded', engine: 'OpenVINO', settings: 'its best', weightBytes: 40 },
        failure: undefined,
        times: [{ measure: PREFILL, tokens: 512, seconds: [2, 8, 2] }],
      },
    ],
    { weights: { layers: 30, head: 50 }, rounds: 3, limits: LIMITS },
  )
  const report: EngineReport = {
    date: '2026-01-02',
    hardware: 'a machine',
    node: '24',
    loadAverage: 0.25,
    backend: 'onnx',
    threads: 2,
    rounds: 3,
    limits: LIMITS,
    models: [{ name: '0.5b', weights: { layers: 30, head: 50 }, contestants, ratios }],
    leftOut: [{ peer: 'llama.cpp', model: '0.5b', reason: 'llama.cpp, converting: no compiler' }],
    accuracy: null,
    chats: [],
    scale: {
      model: '0.5b',
      engine: 'Aerie',
      bySequences: [{ sequences: 1, context: 128, tokensPerSecond: 40 }],
      byContext: [],
      missing: ['decode at 32768: killed'],
    },
  }

  it('as text has rates, ratios, settings, and names what was left out', () => {
    const text = asText(report)
    assert.match(text, /Aerie int4-32 +5\.00 +256 \(512\), 48 %/)
    assert.match(text, /Aerie int4-32 : openvino +1\.00 × \(2\.00\)/)
    assert.match(text, /openvino: OpenVINO; its best/)
    assert.match(text, /Left out of 0\.5b: llama\.cpp\. llama\.cpp, converting: no compiler/)
    assert.match(text, /Missing: decode at 32768: killed/)
  })

  it('has a table for the chats about pictures and one for those of texts', () => {
    const server = {
      ...{ name: 'Aerie', form: 'int4-32', requestsPerSecond: 2.5, best: 3, tokensPerSecond: 160 },
      ...{ tokensPerAnswer: 64, ttftMs: 900, failed: 0 },
    }
    const peer = { ...server, name: 'llama_cpp.server', form: 'Q4_0, projector file Q8_0' }
    const chats = { model: '0.5b', clients: 16, servers: [server, peer], leftOut: [] }
    const text = asText({
      ...report,
      chats: [
        { ...chats, what: 'one picture each', ratio: 2.5 },
        { ...chats, what: 'texts', ratio: null },
      ],
    })
    assert.match(text, /16 chats at once over HTTP, one picture each\n\n.*weights/)
    assert.match(text, /llama_cpp\.server +Q4_0, projector file Q8_0 +2\.50 \(3\.00\)/)
    assert.match(text, /2\.50 times as many\.\n\n0\.5b: 16 chats at once over HTTP, texts/)
  })

  it('says when the machine was busy, and that nothing is to be quoted then', () => {
    assert.doesNotMatch(asText(report), /BUSY/)
    assert.match(asText({ ...report, loadAverage: 1.5 }), /THE MACHINE WAS BUSY .* no ratio/)
  })

  it('as Markdown shows the plot beside it, where there is one', () => {
    const markdown = asMarkdown(report, 'docs/performance-engine.svg')
    assert.match(markdown, /^2026-01-02, a machine, .*load average before: 0\.3/)
    assert.match(markdown, /\| Aerie int4-32 \| 5\.00 \| 256 \(512\), 48 % \|/)
    assert.match(markdown, /\(performance-engine\.svg\)$/)
    assert.doesNotMatch(asMarkdown({ ...report, scale: null }, undefined), /svg/)
  })

  it('as a plot is a picture that can be drawn, also of nothing', async () => {
    const { width, format } = await sharp(Buffer.from(asScalePlot(report.scale!))).metadata()
    assert.deepEqual([width, format], [900, 'svg'])
    assert.doesNotMatch(asScalePlot({ ...report.scale!, bySequences: [] }), /NaN|Infinity/)
  })
})
