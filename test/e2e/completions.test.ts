/** `/v1/completions` of a whole server with the starter: what is continued, how probable texts are, and what clients of that route rely on. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import OpenAI, { BadRequestError, RateLimitError } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { metric, startTestServer } from '../support/server.ts'

type Create = OpenAI.CompletionCreateParamsNonStreaming

describe('/v1/completions', () => {
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  before(async () => {
    server = await startTestServer()
    checked = await createCheckedFetch()
    const options = { apiKey: 'none', maxRetries: 0, fetch: checked.fetch }
    client = new OpenAI({ baseURL: `${server.url}/v1`, ...options })
  })
  after(() => server.close())

  const ask = (body: Partial<Create> & object) =>
    client.completions.create({ model: 'starter', prompt: '', temperature: 0, ...body })
  const tokenize = (body: object) =>
    client.post<{ ids: number[]; tokens: number; token_strs: string[] }>('/tokenize', {
      body: { model: 'starter', return_ids: true, ...body },
    })
  /** What the template makes of a question: a prompt that the starter was trained on. */
  const question = '<s><|user|>how many legs does a spider have?<|end|><|assistant|>'

  it('continues what the chat template would have written just as the chat does', async () => {
    const messages = [{ role: 'user' as const, content: 'what can you do?' }]
    const chat = await client.chat.completions.create({
      ...{ model: 'starter', messages, temperature: 0 },
      ...{ aerie: { explain: true } },
    })
    const { prompt } = (chat as unknown as { aerie: { prompt: { text: string } } }).aerie
    const answer = await ask({ prompt: prompt.text, max_tokens: 100 })
    assert.equal(answer.choices[0]!.text, chat.choices[0]!.message.content)
    assert.equal(answer.choices[0]!.finish_reason, 'stop')
    assert.equal(answer.usage!.prompt_tokens, chat.usage!.prompt_tokens)
    const { ids } = await tokenize({ messages })
    const byIds = await ask({ prompt: ids, max_tokens: 100 })
    assert.equal(byIds.choices[0]!.text, answer.choices[0]!.text)
  })

  it('gives each of several prompts its own choices, as alone, streamed or not', async () => {
    const prompts = ['what color is', 'a red circle and', 'one']
    const options = { n: 2, seed: 7, temperature: 1, max_tokens: 6 }
    const together = await ask({ prompt: prompts, ...options })
    assert.deepEqual(
      together.choices.map(({ index }) => index),
      [0, 1, 2, 3, 4, 5],
    )
    for (const [i, prompt] of prompts.entries()) {
      const alone = await ask({ prompt, ...options })
      for (const choice of [0, 1])
        assert.equal(together.choices[2 * i + choice]!.text, alone.choices[choice]!.text)
    }
    const stream = await client.completions.create({
      ...{ model: 'starter', prompt: prompts, ...options, stream: true },
      stream_options: { include_usage: true },
    })
    const texts = Array<string>(6).fill('')
    const ends = new Map<number, string>()
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const { choices, usage: figures } of stream) {
      for (const { index, text, finish_reason } of choices) {
        texts[index] += text
        if (finish_reason) ends.set(index, finish_reason)
      }
      usage = figures ?? usage
    }
    assert.deepEqual(
      texts,
      together.choices.map(({ text }) => text),
    )
    assert.equal(ends.size, 6)
    assert.equal(usage!.completion_tokens, together.usage!.completion_tokens)
    assert.equal(usage!.prompt_tokens, together.usage!.prompt_tokens)
  })

  it('says how probable a text is, as a program does that measures models', async () => {
    // What lm-eval's `local-completions` asks: the continuation's share, and whether each of its tokens is the most probable.
    const context = question
    const score = async (continuation: string) => {
      const { ids } = await tokenize({ prompt: context + continuation })
      const { tokens } = await tokenize({ prompt: context })
      const { choices } = await ask({ prompt: ids, max_tokens: 1, logprobs: 1, echo: true })
      const { token_logprobs, top_logprobs } = choices[0]!.logprobs!
      // One token is written, and it is told whatever it is.
      assert.equal(token_logprobs!.length, ids.length + 1)
      const values = token_logprobs!.slice(tokens, -1) as number[]
      const tops = top_logprobs!.slice(tokens, -1)
      const isGreedy = values.every((value, i) => value === Math.max(...Object.values(tops[i]!)))
      return { sum: values.reduce((sum, value) => sum + value, 0), isGreedy }
    }
    const greedy = (await ask({ prompt: context, max_tokens: 40 })).choices[0]!.text
    const likely = await score(greedy)
    const unlikely = await score(' 40 40 40')
    assert.equal(likely.isGreedy, true)
    assert.equal(unlikely.isGreedy, false)
    assert.ok(likely.sum > unlikely.sum)
  })

  it("tells the prompt's log probabilities as it told them when it wrote that text", async () => {
    const written = await ask({
      prompt: 'a picture of',
      max_tokens: 8,
      logprobs: 3,
      ...{ min_tokens: 8 },
    })
    const { tokens, token_logprobs } = written.choices[0]!.logprobs!
    const prompt = `a picture of${written.choices[0]!.text}`
    const read = await ask({ prompt, max_tokens: 0, echo: true, logprobs: 3 })
    const [choice] = read.choices
    assert.equal(choice!.text, prompt)
    assert.equal(choice!.finish_reason, 'length')
    assert.equal(read.usage!.completion_tokens, 0)
    const told = choice!.logprobs!
    assert.deepEqual(told.tokens!.slice(-8), tokens)
    for (const [i, value] of token_logprobs!.entries())
      assert.ok(Math.abs(told.token_logprobs!.slice(-8)[i]! - value) < 1e-3)
    assert.equal(told.token_logprobs![0], null)
    assert.equal(told.top_logprobs![0], null)
    assert.ok(Object.keys(told.top_logprobs![1]!).length >= 3)
    assert.deepEqual(
      told.tokens!.map((_, i) => told.tokens!.slice(0, i).join('').length),
      told.text_offset,
    )
  })

  it('counts characters of the text, not units of JavaScript, and writes half a character as bytes', async () => {
    const prompt = '😀 é!'
    const { choices } = await ask({ prompt, max_tokens: 0, echo: true, logprobs: 0 })
    const { tokens, text_offset } = choices[0]!.logprobs!
    assert.equal(choices[0]!.text, prompt)
    const bytes = tokens!.flatMap((token) =>
      token.startsWith('bytes:')
        ? token.match(/[0-9a-f]{2}/g)!.map((hex) => Number.parseInt(hex, 16))
        : [...Buffer.from(token)],
    )
    assert.equal(Buffer.from(bytes).toString(), prompt)
    assert.ok(tokens!.some((token) => token.startsWith('bytes:\\x')))
    assert.ok(text_offset!.every((offset) => offset <= 4))
    assert.equal(text_offset!.at(-1), tokens!.at(-1) === '!' ? 3 : text_offset!.at(-1))
  })

  it('ends at a stop text, not before min_tokens, and goes on over ends with ignore_eos', async () => {
    const whole = (await ask({ prompt: question, max_tokens: 30 })).choices[0]!
    assert.equal(whole.finish_reason, 'stop')
    const over = await ask({ prompt: question, max_tokens: 30, ...{ ignore_eos: true } })
    assert.equal(over.choices[0]!.finish_reason, 'length')
    assert.equal(over.usage!.completion_tokens, 30)
    const last = whole.text.at(-1)!
    const cut = await ask({ prompt: question, max_tokens: 30, stop: [last] })
    assert.equal(cut.choices[0]!.text, whole.text.slice(0, whole.text.indexOf(last)))
  })

  it('keeps to a form that is asked for, in every choice of every prompt', async () => {
    const form = { structured_outputs: { regex: '[a-c]{3}-[0-9]' } }
    const { choices } = await ask({ prompt: ['one', 'two'], n: 2, temperature: 1, ...form })
    assert.equal(choices.length, 4)
    for (const { text } of choices) assert.match(text, /^[a-c]{3}-[0-9]$/)
  })

  it('reads special tokens of a text as such, and /v1/detokenize writes them by name', async () => {
    const { ids, token_strs } = await tokenize({ prompt: question, return_token_strs: true })
    assert.deepEqual(token_strs.slice(0, 2), ['<s>', '<|user|>'])
    const { prompt } = await client.post<{ prompt: string }>('/detokenize', {
      body: { model: 'starter', tokens: ids },
    })
    assert.equal(prompt, question)
  })

  it('refuses by name', async () => {
    const cases: [Partial<Create> & object, string, string][] = [
      [{ prompt: [1, 2048] }, 'prompt[1]', 'invalid_request'],
      [{ prompt: [[1], [2, 5000]] }, 'prompt[1][1]', 'invalid_request'],
      [{ prompt: '' }, 'prompt', 'invalid_request'],
      [{ prompt: 'a'.repeat(200_000) }, 'prompt', 'context_length_exceeded'],
      [{ prompt: 'a b c', max_tokens: 2048 }, 'prompt', 'context_length_exceeded'],
      [{ prompt: ['a', 'b '.repeat(3000)] }, 'prompt[1]', 'context_length_exceeded'],
      [{ prompt: 'a', min_tokens: 17 } as object, 'min_tokens', 'invalid_request'],
      [{ prompt: 'a', logit_bias: { 2048: 1 } }, 'logit_bias', 'invalid_request'],
      [
        { prompt: Array(100).fill('a '.repeat(400)), echo: true, logprobs: 20 },
        'logprobs',
        'invalid_request',
      ],
      [{ prompt: Array(100).fill('a'), n: 16 }, 'prompt', 'invalid_request'],
      [{ prompt: 'a', best_of: 2 }, 'best_of', 'unsupported_parameter'],
      [{ prompt: 'a', suffix: 'b' }, 'suffix', 'unsupported_parameter'],
      [{ model: 'starter', prompt: 'a', tools: [] } as object, 'tools', 'unknown_parameter'],
    ]
    for (const [body, param, code] of cases) {
      await assert.rejects(ask(body), (error) => {
        assert.ok(error instanceof BadRequestError)
        assert.deepEqual([error.param, error.code], [param, code], error.message)
        return true
      })
    }
  })

  it('takes the places of all its prompts or none', async () => {
    const small = await startTestServer({ maxRunning: 1, maxWaiting: 2 })
    try {
      const { fetch } = checked
      const options = { baseURL: `${small.url}/v1`, apiKey: 'none', maxRetries: 0, fetch }
      const one = new OpenAI(options)
      const body = { model: 'starter', max_tokens: 1500, ...{ ignore_eos: true } }
      const leave = new AbortController()
      const running = one.completions.create({ ...body, prompt: 'a' }, { signal: leave.signal })
      const gone = assert.rejects(running)
      while ((await metric(small.url, 'aerie_sequences_running')) !== 1) await delay(10)
      const three = one.completions.create({ ...body, prompt: ['a', 'b', 'c'] })
      await assert.rejects(three, RateLimitError)
      leave.abort()
      await gone
      while ((await metric(small.url, 'aerie_sequences_running')) !== 0) await delay(10)
      const after = await one.completions.create({
        ...body,
        prompt: ['a', 'b', 'c'],
        max_tokens: 1,
      })
      assert.equal(after.choices.length, 3)
    } finally {
      await small.close()
    }
  })

  it('ends at its deadline, streamed or not, gives its places back, and goes on serving', async () => {
    const late = { max_tokens: 1500, ignore_eos: true, aerie: { deadline_ms: 1 } }
    const prompt = ['a', 'b', 'c']
    const expected = { status: 504, code: 'deadline_exceeded', message: /within 1 ms/ }
    await assert.rejects(ask({ prompt, ...late }), expected)
    const streamed = client.completions.create({
      ...{ model: 'starter', prompt, stream: true, ...late, aerie: { deadline_ms: 300 } },
    })
    const read = async () => {
      let chunks = 0
      for await (const _ of await streamed) chunks++
      return chunks
    }
    await assert.rejects(read(), { code: 'deadline_exceeded' })
    while ((await metric(server.url, 'aerie_sequences_running')) !== 0) await delay(10)
    assert.equal((await ask({ prompt, max_tokens: 1 })).choices.length, 3)
  })

  it('kept to the contract in every answer of these tests', async () => {
    await checked.verify()
    assert.ok(checked.checked > 20)
  })
})
