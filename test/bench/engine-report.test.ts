/** The report of the benchmark of engines: of one run, and of several. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mergeReports, type NamedReport, ofOneRun } from '../../src/bench/engine/merge.ts'
import { asMarkdown, asText, type EngineReport } from '../../src/bench/engine/report.ts'
import { summarise } from '../../src/bench/engine/summary.ts'
import { CommandFailure } from '../../src/cli/command.ts'
import { engineProgram, LIMITS, PREFILL } from '../support/engine-programs.ts'

const { contestants, ratios } = summarise(
  [
    {
      contestant: { name: 'Aerie int4-32', isOurs: true, program: engineProgram('ours') },
      loaded: { type: 'loaded', engine: 'Aerie', settings: '2 threads', weightBytes: 50 },
      failure: undefined,
      times: [{ measure: PREFILL, tokens: 512, seconds: [1, 2, 4] }],
    },
    {
      contestant: { name: 'openvino', isOurs: false, program: engineProgram('theirs') },
      loaded: { type: 'loaded', engine: 'OpenVINO', settings: 'its best', weightBytes: 40 },
      failure: undefined,
      times: [{ measure: PREFILL, tokens: 512, seconds: [2, 8, 2] }],
    },
  ],
  { weights: { layers: 30, head: 50 }, rounds: 3, limits: LIMITS },
)
const REPORT: EngineReport = {
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
    settings: 'f16 KV',
    points: [
      { sequences: 1, context: 128, tokensPerSecond: 40 },
      { sequences: 4, context: 128, tokensPerSecond: 120 },
      { sequences: 1, context: 512, tokensPerSecond: 30.5 },
    ],
    missing: ['decode at 32768: killed'],
  },
}

describe('the report', () => {
  it('as text has rates, ratios, settings, and names what was left out', () => {
    const text = asText(ofOneRun(REPORT))
    assert.match(text, /Aerie int4-32 +5\.00 +256 \(512\), 48 %/)
    assert.match(text, /Aerie int4-32 : openvino +1\.00 × \(2\.00\)/)
    assert.match(text, /openvino: OpenVINO; its best/)
    assert.match(text, /Left out of 0\.5b: llama\.cpp\. llama\.cpp, converting: no compiler/)
    assert.match(text, /1 × +4 ×\nbehind 128 +40\.0 +120\nbehind 512 +30\.5 *\n/)
    assert.match(
      text,
      /- From fewer to more .* × 3\.00 .* No cliff\.\n- Missing: decode at 32768: killed/,
    )
  })

  it('has a table for the chats about pictures and one for those of texts', () => {
    const server = {
      ...{ name: 'Aerie', form: 'int4-32', requestsPerSecond: 2.5, best: 3, tokensPerSecond: 160 },
      ...{ tokensPerAnswer: 64, ttftMs: { p50: 900, p95: 1200 }, failed: 0 },
    }
    const peer = { ...server, name: 'llama_cpp.server', form: 'Q4_0, projector file Q8_0' }
    const chats = { model: '0.5b', clients: 16, servers: [server, peer], leftOut: [] }
    const both = [
      { ...chats, what: 'one picture each', ratio: 2.5 },
      { ...chats, what: 'texts', ratio: null },
    ]
    const text = asText(ofOneRun({ ...REPORT, chats: both }))
    assert.match(text, /16 chats at once over HTTP, one picture each\n\n.*weights/)
    assert.match(text, /llama_cpp\.server +Q4_0, projector file Q8_0 +2\.50 \(3\.00\)/)
    assert.match(text, /64\.0 +900 \/ 1200 +0/)
    assert.match(text, /2\.50 times as many\.\n\n0\.5b: 16 chats at once over HTTP, texts/)
  })

  it('says when the machine was busy, and that nothing is to be quoted then', () => {
    assert.doesNotMatch(asText(ofOneRun(REPORT)), /BUSY/)
    assert.match(
      asText(ofOneRun({ ...REPORT, loadAverage: 1.5 })),
      /THE MACHINE WAS BUSY .* no ratio/,
    )
    assert.doesNotMatch(
      asText(ofOneRun({ ...REPORT, models: [], chats: [], loadAverage: 1.5 })),
      /BUSY/,
      'nothing was compared',
    )
  })

  it('as Markdown shows the plot beside it, where there is one', () => {
    const markdown = asMarkdown(ofOneRun(REPORT), 'docs/performance-engine.svg')
    assert.match(markdown, /^2026-01-02, a machine, .*load average before: 0\.3/)
    assert.match(markdown, /\| Aerie int4-32 \| 5\.00 \| 256 \(512\), 48 % \|/)
    assert.match(markdown, /\(performance-engine\.svg\)$/)
    assert.doesNotMatch(asMarkdown(ofOneRun({ ...REPORT, scale: null }), undefined), /svg/)
  })
})

describe('reports of several runs', () => {
  const chats = {
    ...{ model: '0.5b', clients: 16, what: 'texts', servers: [], ratio: null },
    leftOut: ['no server'],
  }
  const alone: EngineReport = { ...REPORT, models: [], leftOut: [], scale: null }
  const named = (...reports: EngineReport[]): NamedReport[] =>
    reports.map((report, i) => ({ file: `${'abc'[i]}.json`, report }))
  const refused = (other: EngineReport, message: RegExp) =>
    assert.throws(
      () => mergeReports(named(REPORT, other)),
      (error) => error instanceof CommandFailure && message.test(error.message),
    )

  it('have the parts of all, the dates from first to last, and every load', () => {
    const merged = mergeReports(
      named(
        { ...REPORT, scale: null },
        { ...alone, date: '2026-01-04', loadAverage: 0.5, rounds: 5, chats: [chats] },
        { ...alone, date: '2026-01-03', scale: REPORT.scale },
      ),
    )
    assert.deepEqual(
      [merged.models.length, merged.chats.length, merged.scale, merged.rounds],
      [1, 1, REPORT.scale, 3],
    )
    const text = asText(merged)
    assert.match(text, /^2026-01-02 to 2026-01-04, a machine,/)
    assert.match(text, /3 runs, 3 rounds in turns; load average before: 0\.3, 0\.5, 0\.3\./)
    assert.match(asText(ofOneRun(REPORT)), /^2026-01-02, a machine.* 2 threads, 3 rounds/)
  })

  it('say between what the limits of the machine lay', () => {
    const limits = (gigabytes: number) => ({ ...LIMITS, readBytesPerSecond: gigabytes * 1e9 })
    const merged = mergeReports(
      named({ ...REPORT, limits: limits(39) }, { ...alone, limits: limits(37.5) }),
    )
    assert.match(asText(merged), /reads 37\.5 to 39\.0 GB\/s, 0 GFLOP/)
  })

  it('have of equal parts the last, where the first was, with whom that left out', () => {
    const [model] = REPORT.models
    const later = { ...model!, ratios: [] }
    const leftOut = [
      { peer: 'llama.cpp', model: '0.5b', reason: 'no compiler' },
      { peer: 'llama.cpp', model: '0.5b, chats about texts', reason: 'no server' },
    ]
    const other = { ...model!, name: '1b' }
    const merged = mergeReports(
      named(
        { ...REPORT, models: [model!, other], leftOut, chats: [chats] },
        { ...REPORT, models: [later], leftOut: [] },
      ),
    )
    assert.deepEqual(merged.models, [later, other])
    assert.deepEqual(merged.leftOut, [leftOut[1]])
    const again = mergeReports(
      named(
        { ...REPORT, leftOut, chats: [chats] },
        { ...alone, chats: [{ ...chats, leftOut: [] }] },
      ),
    )
    assert.deepEqual(again.leftOut, [leftOut[0]])
    assert.deepEqual(again.chats[0]!.leftOut, [])
  })

  it('are refused where machine, settings or versions differ, naming what and where', () => {
    refused({ ...alone, threads: 4 }, /^--from b\.json: threads is 4, in a\.json 2$/)
    refused({ ...alone, hardware: 'another' }, /hardware is another, in a\.json a machine/)
    refused({ ...alone, node: '25' }, /node is 25/)
    refused({ ...alone, backend: 'native' }, /backend is native/)
    refused({ ...REPORT, rounds: 5 }, /rounds is 5, in a\.json 3/)
    refused({ ...alone, limits: { ...LIMITS, source: 'avx512' } }, /measured the machine is avx512/)
    refused({ ...alone, scale: { ...REPORT.scale!, model: '1b' } }, /the model of scale is 1b/)
    const [model] = REPORT.models
    const [ours, theirs] = model!.contestants
    const newer = { ...theirs!, engine: 'OpenVINO 2' }
    const models = [{ ...model!, name: '1b', contestants: [ours!, newer] }]
    refused({ ...REPORT, models }, /the version of openvino is OpenVINO 2, in a\.json OpenVINO$/)
  })
})
