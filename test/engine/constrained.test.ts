import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Constraint } from '../../src/engine/constraint.ts'
import type { EngineCoreOptions } from '../../src/engine/engine-commands.ts'
import type { Draft } from '../../src/engine/scheduler.ts'
import type { GenerateRequest } from '../../src/engine/types.ts'
import { Grammars } from '../../src/grammar/grammars.ts'
import { EngineDriver, GREEDY, tokens } from '../support/engine-driver.ts'
import { halfRightDrafts, rightDrafts } from '../support/half-right-drafts.ts'
import { ToyDecoder, type ToyDecoderOptions } from '../support/toy-decoder.ts'
import { TOY_END, TOY_TOKENS, toyText, toyVocabulary } from '../support/toy-vocabulary.ts'

const SCHEMA: Constraint = {
  kind: 'json',
  schema: {
    type: 'object',
    properties: {
      a: { type: 'string', maxLength: 12 },
      b: { type: 'array', items: { enum: [1, 12, true, null] }, minItems: 1, maxItems: 4 },
    },
    required: ['a', 'b'],
    additionalProperties: false,
  },
}
const SAMPLED = { ...GREEDY, temperature: 1, seed: 5 }
const ENDS = new Set([TOY_END])

describe('answers under a constraint', () => {
  let grammars: Grammars
  before(async () => {
    const limits = { compileTimeoutMs: 60_000, cacheBytes: 2 ** 24 }
    grammars = new Grammars({ ...limits, vocabulary: await toyVocabulary() })
  })
  after(() => grammars.dispose())

  const drive = (options: Partial<EngineCoreOptions> = {}, toy: ToyDecoderOptions = {}) =>
    new EngineDriver(new ToyDecoder({ vocabSize: 64, ...toy }), options)

  /** Text and ending of each choice. */
  async function ask(
    constraint: Constraint,
    changes: Partial<GenerateRequest> = {},
    driver = drive(),
  ): Promise<{ texts: string[]; endings: string[] }> {
    const request = { sampling: SAMPLED, maxTokens: 64, stopTokenIds: ENDS, ...changes }
    const id = driver.submit(request, await grammars.compile(constraint))
    await driver.finish()
    const choices = Array.from({ length: changes.n ?? 1 }, (_, choice) => choice)
    return {
      texts: choices.map((choice) => toyText(driver.ids(id, choice))),
      endings: driver.endings(id),
    }
  }

  /** How many tokens the shortest answer has. */
  async function shortest(constraint: Constraint) {
    const grammar = await grammars.compile(constraint)
    return { matcher: grammar.matcher, spelling: grammar.spelling(grammar.matcher.start)!.length }
  }

  it('are what it says, greedy or sampled, whatever the seed', async () => {
    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const { texts, endings } = await ask(SCHEMA, { sampling: { ...SAMPLED, seed } })
      const { a, b } = JSON.parse(texts[0]!)
      assert.ok(typeof a === 'string' && a.length <= 12 && b.length >= 1 && b.length <= 4)
      assert.match(endings[0]!, /^(stop|length)$/)
    }
    const { texts } = await ask(SCHEMA, { sampling: GREEDY })
    assert.ok(JSON.parse(texts[0]!))
  })

  it('end by themselves when nothing can follow, before a token says so', async () => {
    const choice: Constraint = {
      kind: 'choice',
      of: ['abba', 'abc'].map((text) => ({ kind: 'literal', text })),
    }
    const { texts, endings } = await ask(choice)
    assert.ok(['abba', 'abc'].includes(texts[0]!))
    assert.deepEqual(endings, ['stop'])
  })

  it('end where they may and the model wants to, and not earlier than min_tokens', async () => {
    const many: Constraint = { kind: 'regex', pattern: '(ab)+' }
    const wantsTheEnd = { ...SAMPLED, logitBias: new Map([[TOY_END, 100]]) }
    const { texts, endings } = await ask(many, { sampling: wantsTheEnd })
    assert.deepEqual([texts, endings], [['ab'], ['stop']])
    const held = await ask(many, { sampling: wantsTheEnd, minTokens: 7 })
    assert.ok(held.texts[0]!.length >= 7)
    assert.match(held.texts[0]!, /^(ab)+$/)
    // What is complete is not held up.
    assert.deepEqual((await ask({ kind: 'literal', text: 'ab' }, { minTokens: 9 })).texts, ['ab'])
  })

  it('come to a valid end within the tokens that they may have, as soon as any does', async () => {
    const { matcher, spelling } = await shortest(SCHEMA)
    for (const maxTokens of [spelling, spelling + 1, spelling + 3, 20]) {
      const { texts, endings } = await ask(SCHEMA, {
        maxTokens,
        sampling: { ...SAMPLED, seed: maxTokens },
      })
      assert.ok(JSON.parse(texts[0]!), `${texts[0]} in ${maxTokens}, ${matcher.start.distance}`)
      assert.ok(endings[0] === 'length' || endings[0] === 'stop')
    }
    const endless: Constraint = { kind: 'json', schema: { type: 'string', minLength: 3 } }
    const wantsMore = { ...GREEDY, logitBias: new Map([[0, 100]]) }
    const { texts, endings } = await ask(endless, { maxTokens: 20, sampling: wantsMore })
    assert.deepEqual([texts, endings], [[`"${'a'.repeat(18)}"`], ['length']])
  })

  it('are cut off where not even the shortest has room, and say so', async () => {
    const { texts, endings } = await ask(SCHEMA, { maxTokens: 3 })
    assert.throws(() => JSON.parse(texts[0]!))
    assert.deepEqual(endings, ['length'])
  })

  it('are the same alone, in a batch, with guesses, and after they gave way', async () => {
    const alone = await ask(SCHEMA)
    for (const [name, options, toy] of [
      ['half of the guesses right', { maxDraftTokens: 4, draft: halfRightDrafts }, {}],
      ['all guesses as if nothing were forbidden', { maxDraftTokens: 8, draft: rightDrafts }, {}],
      ['few blocks', { maxRunning: 4 }, { blocksTotal: 24, maxContext: 80 }],
    ] as const) {
      const driver = drive(options, toy)
      const others = [11, 12, 13].map(async (seed) =>
        driver.submit(
          { sampling: { ...SAMPLED, seed }, maxTokens: 60, stopTokenIds: ENDS },
          await grammars.compile({ kind: 'regex', pattern: '[a-j]{40,60}' }),
        ),
      )
      await Promise.all(others)
      assert.deepEqual(await ask(SCHEMA, {}, driver), alone, name)
    }
  })

  it('are complete where a guess was the whole of them', async () => {
    const text = 'cdecde'
    const ids = [...text].map((letter) => TOY_TOKENS.indexOf(letter))
    const draft: Draft = ({ output }, most) => ids.slice(output.length, output.length + most)
    const driver = drive({ maxDraftTokens: 8, draft })
    const answer = await ask(
      { kind: 'regex', pattern: '[c-e]{3}cde' },
      { sampling: GREEDY },
      driver,
    )
    assert.deepEqual(answer.endings, ['stop'])
    assert.match(answer.texts[0]!, /^[c-e]{3}cde$/)
    const whole = await ask({ kind: 'literal', text }, {}, driver)
    assert.deepEqual(whole, { texts: [text], endings: ['stop'] })
    assert.ok(driver.core.takeStats().acceptedTokens >= 5)
  })

  it('have what the grammar prescribes guessed, and are the same', async () => {
    const names = ['abcdefgh', 'hgfedcba', 'aabbccdd']
    const schema = {
      type: 'object',
      properties: Object.fromEntries(names.map((name) => [name, { enum: [1, 2] }])),
      required: names,
      additionalProperties: false,
    }
    const constraint: Constraint = { kind: 'json', schema }
    const alone = await ask(constraint)
    const driver = drive({ maxDraftTokens: 8 })
    for (let i = 0; i < 4; i++) assert.deepEqual(await ask(constraint, {}, driver), alone)
    const { draftedTokens, acceptedTokens } = driver.core.takeStats()
    assert.ok(acceptedTokens > 60 && acceptedTokens > 0.7 * draftedTokens)
  })

  it('differ by choice, and each keeps to it', async () => {
    const { texts } = await ask(SCHEMA, { n: 3 })
    for (const text of texts) assert.ok(JSON.parse(text))
    assert.ok(new Set(texts).size > 1)
  })

  it('have the log probabilities that the model gave, of tokens it may not say too', async () => {
    const driver = drive()
    const sampling = { ...GREEDY, topLogprobs: 5 }
    const one = await grammars.compile({ kind: 'literal', text: 'abc' })
    const free = driver.submit({ sampling, maxTokens: 1 })
    const bound = driver.submit({ sampling, maxTokens: 3 }, one)
    await driver.finish()
    const first = (id: number) => {
      const event = driver.events.get(id)!.find(({ type }) => type === 'token')
      return event?.type === 'token' ? event : assert.fail()
    }
    assert.deepEqual(first(bound).top, first(free).top)
    assert.ok(first(bound).logprob! <= first(free).logprob!)
  })

  it('fail by name where the vocabulary cannot spell what is asked for', async () => {
    const { endings } = await ask({ kind: 'literal', text: 'aQ' })
    assert.deepEqual(endings, ['invalid_request'])
  })

  it('allow tags inside free text', async () => {
    const tools: Constraint = {
      kind: 'triggered',
      triggers: ['<t>'],
      tags: [{ begin: '<t>', content: { kind: 'json', schema: { enum: [12] } }, end: '</t>' }],
      atLeastOne: true,
      stopAfterFirst: true,
    }
    assert.deepEqual(await ask(tools), { texts: ['<t>12</t>'], endings: ['stop'] })
  })

  it('leave nothing behind when they are aborted', async () => {
    const driver = drive()
    const id = driver.submit({ maxTokens: 60, sampling: SAMPLED }, await grammars.compile(SCHEMA))
    await driver.step(4)
    driver.core.send({ type: 'abort', id })
    await driver.finish()
    assert.equal(driver.core.takeStats().running, 0)
    assert.ok(JSON.parse((await ask(SCHEMA, {}, driver)).texts[0]!))
  })

  it('share what is compiled, and masks', async () => {
    const before = grammars.stats()
    await ask(SCHEMA)
    await ask(SCHEMA)
    const { cacheHits, masks, compiled } = grammars.stats()
    assert.equal(compiled, before.compiled)
    assert.ok(cacheHits >= before.cacheHits + 2)
    const more = masks
    await ask(SCHEMA)
    assert.equal(grammars.stats().masks, more)
    assert.ok((await ask(SCHEMA, { prompt: [tokens(9, 8, 7)] })).texts[0])
  })
})

describe('grammar threads', () => {
  const entry = new URL('../support/breaking-grammar-worker.ts', import.meta.url)
  const open = async (compileTimeoutMs: number) =>
    new Grammars({
      vocabulary: await toyVocabulary(),
      compileTimeoutMs,
      cacheBytes: 2 ** 24,
      entry,
    })
  const literal = (text: string): Constraint => ({ kind: 'literal', text })

  it('that fall over fail what they were doing alone, and come back', async () => {
    const grammars = await open(60_000)
    try {
      const [lost, kept] = await Promise.allSettled([
        grammars.compile(literal('exit')),
        grammars.compile(literal('a')),
      ])
      assert.ok(lost.status === 'rejected' && lost.reason.code === 'backend_failure')
      assert.equal(kept.status, 'fulfilled')
      assert.equal(grammars.stats().restarts, 1)
    } finally {
      await grammars.dispose()
    }
  })

  it('that take too long are ended, and the field is named', async () => {
    const grammars = await open(300)
    try {
      const slow = grammars.compile({ kind: 'literal', text: 'loop' })
      await assert.rejects(slow, {
        code: 'invalid_request',
        message: /takes longer than 0\.3 seconds/,
      })
      assert.ok(await grammars.compile(literal('b')))
      assert.equal(grammars.stats().refused, 1)
    } finally {
      await grammars.dispose()
    }
  })

  it('keep no more than they may', async () => {
    const vocabulary = await toyVocabulary()
    const grammars = new Grammars({ vocabulary, compileTimeoutMs: 60_000, cacheBytes: 60_000 })
    try {
      for (let i = 0; i < 40; i++) await grammars.compile({ kind: 'regex', pattern: `a{${i}}b*` })
      const { cached, cachedBytes } = grammars.stats()
      assert.ok(cached < 40 && cachedBytes <= 60_000, `${cached} of ${cachedBytes} bytes`)
    } finally {
      await grammars.dispose()
    }
  })
})
