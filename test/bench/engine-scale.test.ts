/** The cost of scale: what is measured and what cannot be, what counts as a cliff, and the plot. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import sharp from 'sharp'
import { measureScale, type ScalePlan, type ScalePoint } from '../../src/bench/engine/scale.ts'
import { asScalePlot } from '../../src/bench/engine/scale-plot.ts'
import { scaleVerdict } from '../../src/bench/engine/scale-verdict.ts'
import { engineProgram } from '../support/engine-programs.ts'

describe('the cost of scale', () => {
  const plan: ScalePlan = {
    ...{ sequences: [1, 2, 4], contexts: [512, 128], maxPositions: 4096, steps: 4, rounds: 2 },
    limitMs: 20_000,
  }
  const quiet = () => undefined

  it('is the best round of every number of sequences behind every context', async () => {
    const turns = `globalThis.asked = (globalThis.asked ?? 0) + 1
      if (asked % 2) return say({ type: 'ran', tokens: 10, seconds: 4 })`
    const scale = await measureScale('m', engineProgram('good', turns), plan, quiet)
    assert.deepEqual(
      scale.points.map((p) => [p.sequences, p.context, p.tokensPerSecond]),
      [
        [1, 128, 20],
        [2, 128, 20],
        [4, 128, 20],
        [1, 512, 20],
        [2, 512, 20],
        [4, 512, 20],
      ],
    )
    assert.deepEqual(scale.missing, [])
  })

  it('names what the model or the cache has no room for, and measures the rest', async () => {
    const kv = { bytes: 3e9, positions: 3000 }
    const small = engineProgram('small', '', { kv })
    const contexts = [128, 512, 8192]
    const scale = await measureScale('m', small, { ...plan, contexts }, quiet)
    assert.deepEqual(
      scale.points.map((p) => [p.sequences, p.context]),
      [
        [1, 128],
        [2, 128],
        [4, 128],
        [1, 512],
        [2, 512],
      ],
    )
    assert.deepEqual(scale.missing, [
      'decode 4 × at 512: its keys and values take 3.1 GB, the cache has 3.0 GB',
      'decode at 8192, decode 2 × at 8192, decode 4 × at 8192: the model has 4096 positions',
    ])
  })

  it('takes no longer than its limit: what is not measured by then is missing, by name', async () => {
    const slow = engineProgram('slow', `if (JSON.parse(line).batch > 1) return`)
    let scale: Awaited<ReturnType<typeof measureScale>>
    let limitMs = 1500
    let tookMs: number
    // On a machine that does other things nothing may have been measured by then.
    do {
      limitMs *= 2
      const start = performance.now()
      scale = await measureScale('m', slow, { ...plan, limitMs }, quiet)
      tookMs = performance.now() - start
    } while (scale.points.length === 0)
    assert.ok(tookMs < 5 * limitMs, `${tookMs} ms`)
    assert.deepEqual(
      scale.points.map(({ sequences }) => sequences),
      [1],
    )
    assert.match(
      scale.missing.join('\n'),
      /^decode 2 × at 128, decode 4 × at 128, decode at 512, .*: slow: .*no answer/,
    )
  })
})

describe('a cliff', () => {
  /** A step takes 10 ms for the weights, 1 more for each sequence and each 1000 positions in the cache. */
  const points: readonly ScalePoint[] = [128, 512, 2048, 8192].flatMap((context) =>
    [1, 2, 4, 8].map((sequences) => {
      const ms = 10 + sequences + (sequences * context) / 1000
      return { sequences, context, tokensPerSecond: (1000 * sequences) / ms }
    }),
  )
  /** Points that are slower where the condition holds. */
  const slowed = (where: (point: ScalePoint) => boolean, times: number) =>
    points.map((point) =>
      where(point) ? { ...point, tokensPerSecond: point.tokensPerSecond / times } : point,
    )

  it('is none where steps take longer in proportion to what they read', () => {
    const [line, ...more] = scaleVerdict(points)
    assert.deepEqual(more, [])
    assert.match(line!, /^From fewer to more .* × 1\.\d\d at least \(4 → 8 sequences at 8192\)/)
    assert.match(line!, /a step’s time by context is at most × 1\.00 .* No cliff\.$/)
  })

  it('is named where more sequences are slower together', () => {
    const [line, ...cliffs] = scaleVerdict(slowed(({ sequences }) => sequences === 8, 2))
    assert.doesNotMatch(line!, /No cliff/)
    assert.equal(cliffs.length, 4)
    assert.match(cliffs[0]!, /^CLIFF: 4 → 8 sequences at 128: the rate of all is × 0\.\d\d$/)
  })

  it('is named where a longer context costs more, or less, than its positions', () => {
    const early = scaleVerdict(slowed(({ context }) => context === 512, 2)).slice(1)
    assert.equal(early.length, 4)
    assert.match(early[0]!, /^CLIFF: 1 at 512: a step takes × 2\.00 /)
    // All at once with the last positions: what is before takes less than its share.
    const late = scaleVerdict(slowed(({ context }) => context === 8192, 4)).slice(1)
    assert.match(late.join('\n'), /CLIFF: 8 at 2048: a step takes × 0\.\d\d /)
  })

  it('is not looked for in a single point', () => {
    assert.deepEqual(scaleVerdict(points.slice(0, 1)), [])
    assert.deepEqual(scaleVerdict([]), [])
  })
})

describe('the plot', () => {
  const points = [1, 2, 4].flatMap((sequences) =>
    [128, 512].map((context) => ({
      sequences,
      context,
      tokensPerSecond: 1e4 / sequences / context,
    })),
  )

  it('has a point and a named line for all that was measured, twice', () => {
    const svg = asScalePlot({ points })
    assert.equal(svg.match(/<circle/g)!.length, 2 * points.length)
    assert.equal(svg.match(/<polyline/g)!.length, 2 + 3)
    for (const name of ['at 128', 'at 512', '1 ×', '2 ×', '4 ×'])
      assert.ok(svg.includes(`>${name}<`))
    assert.match(svg, /prefers-color-scheme: dark/)
  })

  it('can be drawn, also of nothing and of a single point', async () => {
    for (const some of [points, points.slice(0, 1), []]) {
      const svg = asScalePlot({ points: some })
      assert.doesNotMatch(svg, /NaN|Infinity|undefined/)
      const { width, height } = await sharp(Buffer.from(svg)).metadata()
      assert.deepEqual([width, height], [480, 660])
    }
  })
})
