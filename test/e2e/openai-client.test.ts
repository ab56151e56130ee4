import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import OpenAI, { APIUserAbortError, BadRequestError, NotFoundError } from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { metric, pictureUri, startTestServer } from '../support/server.ts'

describe('the official openai client', () => {
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  let question: ChatCompletionMessageParam[]
  before(async () => {
    server = await startTestServer()
    checked = await createCheckedFetch()
    client = new OpenAI({
      baseURL: `${server.url}/v1`,
      apiKey: 'none',
      maxRetries: 0,
      fetch: checked.fetch,
    })
    question = ask('what color is the circle?', await pictureUri('red-circle-blue-square.png'))
  })
  after(() => server.close())

  it('lists the model and gets it by name', async () => {
    const models = await client.models.list()
    assert.deepEqual(
      models.data.map((model) => model.id),
      ['starter'],
    )
    assert.equal((await client.models.retrieve('starter')).object, 'model')
    await assert.rejects(client.models.retrieve('nothing'), NotFoundError)
  })

  it("gets the model's capability document", async () => {
    const { aerie } = (await client.models.retrieve('starter')) as unknown as {
      aerie: Record<string, unknown>
    }
    assert.deepEqual(aerie['input_modalities'], ['text', 'image', 'video', 'audio'])
    assert.deepEqual(aerie['output_modalities'], ['text'])
    assert.deepEqual(aerie['prompt'], { source: 'chat_template.jinja', template: null })
    assert.equal((aerie['image_tokens'] as { min: number }).min, 100)
    assert.ok((aerie['max_prompt'] as number) <= (aerie['max_context'] as number))
    const { cases } = aerie['parity'] as { cases: { case: string; stages: object[] }[] }
    assert.deepEqual(
      cases.map((one) => [one.case, one.stages.length]),
      [['starter', 7]],
    )
    const input = 'https://example.org/a.png'
    await assert.rejects(client.embeddings.create({ model: 'starter', input }), (error) => {
      assert.ok(error instanceof BadRequestError)
      assert.deepEqual([error.code, error.param], ['unsupported_parameter', 'model'])
      return true
    })
  })

  it('gets a true answer about a picture', async () => {
    const answer = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
    })
    assert.equal(answer.choices[0]!.message.content, 'red')
    assert.equal(answer.choices[0]!.finish_reason, 'stop')
    assert.equal(answer.usage!.prompt_tokens_details!.image_tokens, 100)
    assert.equal(
      answer.usage!.total_tokens,
      answer.usage!.prompt_tokens + answer.usage!.completion_tokens,
    )
  })

  it('gets as many tokens as a load generator wants with ignore_eos, and the words of the answer first', async () => {
    const ask = (more: object) =>
      client.chat.completions.create({
        model: 'starter',
        messages: [{ role: 'user', content: 'what is red?' }],
        ...{ temperature: 0, max_tokens: 40, ...more },
      })
    const [whole, over] = [await ask({}), await ask({ ignore_eos: true })]
    assert.equal(whole.choices[0]!.finish_reason, 'stop')
    assert.equal(over.choices[0]!.finish_reason, 'length')
    assert.equal(over.usage!.completion_tokens, 40)
    assert.ok(over.choices[0]!.message.content!.startsWith(whole.choices[0]!.message.content!))
  })

  it('gets the same answer streamed, with usage at the end', async () => {
    const stream = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    })
    let text = ''
    let usage: OpenAI.CompletionUsage | null | undefined
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      usage = chunk.usage
    }
    assert.equal(text, 'red')
    assert.ok(usage!.completion_tokens > 0)
  })

  it('reads the second question about a picture from the caches', async () => {
    const url = await pictureUri('red-circle-blue-square.png')
    const answer = await client.chat.completions.create({
      model: 'starter',
      messages: ask('what color is the square?', url),
      temperature: 0,
    })
    assert.equal(answer.choices[0]!.message.content, 'blue')
    assert.ok(answer.usage!.prompt_tokens_details!.cached_tokens! >= 96)
  })

  it('is told what the model saw of a picture, from the cache too', async () => {
    const look = async () => {
      const answer = await client.chat.completions.create({
        model: 'starter',
        messages: ask('describe the picture', await pictureUri('purple-heart.png')),
        ...{ aerie: { explain: true } },
      })
      const { aerie } = answer as unknown as {
        aerie: { images: { cached: boolean; conversions: string[] }[] }
      }
      return aerie.images[0]!
    }
    const [first, second] = [await look(), await look()]
    assert.deepEqual([first.cached, second.cached], [false, true])
    assert.match(first.conversions.at(-1)!, /^bicubic /)
    assert.deepEqual(second.conversions, first.conversions)
  })

  it('carries several pictures and turns', async () => {
    const url = await pictureUri('red-circle-blue-square.png')
    const answer = await client.chat.completions.create({
      model: 'starter',
      messages: [
        ...question,
        { role: 'assistant', content: 'red' },
        ...ask('what color is the square?', url),
      ],
    })
    assert.equal(answer.usage!.prompt_tokens_details!.image_tokens, 200)
  })

  it('gives log probabilities that belong to the tokens of the answer', async () => {
    const answer = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      temperature: 0,
      logprobs: true,
      top_logprobs: 5,
    })
    const content = answer.choices[0]!.logprobs!.content!
    assert.equal(content.map((token) => token.token).join(''), 'red')
    for (const token of content) {
      assert.equal(token.top_logprobs.length, 5)
      assert.equal(token.top_logprobs[0]!.logprob, token.logprob)
      const mass = token.top_logprobs.reduce((sum, top) => sum + Math.exp(top.logprob), 0)
      assert.ok(mass <= 1.0001)
    }
  })

  it('gives n answers, the same ones for the same seed', async () => {
    const create = () =>
      client.chat.completions.create({
        model: 'starter',
        messages: question,
        n: 3,
        seed: 7,
        temperature: 1.5,
        max_completion_tokens: 8,
      })
    const texts = async () => (await create()).choices.map((choice) => choice.message.content)
    const first = await texts()
    assert.equal(first.length, 3)
    assert.deepEqual(await texts(), first)
  })

  it('raises typed errors that name the field', async () => {
    await assert.rejects(
      client.chat.completions.create({
        model: 'starter',
        messages: ask('?', 'data:image/png;base64,AAAA'),
      }),
      (error) => {
        assert.ok(error instanceof BadRequestError)
        assert.equal(error.code, 'invalid_media')
        assert.match(error.param!, /^messages\[0\]\.content\[0\]\.image_url/)
        return true
      },
    )
    await assert.rejects(
      client.chat.completions.create({
        model: 'starter',
        messages: question,
        functions: [{ name: 'f', parameters: {} }],
      }),
      (error) => error instanceof BadRequestError && error.code === 'unsupported_parameter',
    )
  })

  it('leaves nothing behind when it aborts a stream', async () => {
    const stream = await client.chat.completions.create({
      model: 'starter',
      messages: question,
      stream: true,
      logit_bias: { [String(await endToken(client))]: -100 },
    })
    await assert.rejects(async () => {
      for await (const _ of stream) stream.controller.abort()
      throw new APIUserAbortError()
    }, APIUserAbortError)
    await settles(server.url)
  })

  it('was sent nothing that openapi.yaml does not allow', async () => {
    await checked.verify()
    assert.ok(checked.checked >= 10)
  })
})

function ask(text: string, url: string): ChatCompletionMessageParam[] {
  return [
    {
      role: 'user',
      content: [
        { type: 'image_url', image_url: { url } },
        { type: 'text', text },
      ],
    },
  ]
}

/** The id of `<|end|>`, from the server's own tokenizer. */
async function endToken(client: OpenAI): Promise<number> {
  const response = await client.post<{ ids: number[] }>('/tokenize', {
    body: { model: 'starter', prompt: '<|end|>', return_ids: true },
  })
  return response.ids[0]!
}

async function settles(url: string): Promise<void> {
  const until = performance.now() + 60_000
  while ((await metric(url, 'aerie_sequences_running')) !== 0) {
    assert.ok(performance.now() < until, 'a sequence is still running after the abort')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
