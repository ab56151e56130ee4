/** A base model, published without a chat template: it continues texts, and conversations with it are refused by their field. */
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import OpenAI, { BadRequestError } from 'openai'
import type { RunningServer } from '../../src/main.ts'
import { type CheckedFetch, createCheckedFetch } from '../support/checked-fetch.ts'
import { copyCheckpoint, editJson, scratchFolder } from '../support/checkpoint-folder.ts'
import { startTestServer } from '../support/server.ts'

describe('a model without a chat template', () => {
  let folder: string
  let server: RunningServer
  let client: OpenAI
  let checked: CheckedFetch
  before(async () => {
    folder = scratchFolder()
    const model = copyCheckpoint('decoders/qwen2', join(folder, 'base'))
    editJson(join(model, 'tokenizer_config.json'), (value) => delete value['chat_template'])
    server = await startTestServer({ model })
    checked = await createCheckedFetch()
    const options = { apiKey: 'none', maxRetries: 0, fetch: checked.fetch }
    client = new OpenAI({ baseURL: `${server.url}/v1`, ...options })
  })
  after(async () => {
    await server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('continues texts', async () => {
    const asked = { model: 'base', prompt: 'once upon a', max_tokens: 8, temperature: 0 }
    const { choices, usage } = await client.completions.create({
      ...asked,
      echo: true,
      logprobs: 1,
    })
    assert.ok(choices[0]!.text.startsWith('once upon a'))
    assert.ok(choices[0]!.logprobs!.token_logprobs!.slice(1).every((value) => value < 0))
    assert.ok(usage!.completion_tokens > 0)
  })

  it('counts the tokens of texts', async () => {
    const body = { model: 'base', prompt: 'once upon a' }
    assert.ok((await client.post<{ tokens: number }>('/tokenize', { body })).tokens > 0)
  })

  it('says so in its document', async () => {
    const document = await client.models.retrieve('base')
    const { aerie } = document as unknown as { aerie: { prompt: object } }
    assert.deepEqual(aerie.prompt, { source: 'none', template: null })
  })

  it('is not served where it is shown pictures, which stand in conversations only', async () => {
    const model = join(folder, 'blind')
    cpSync('models/starter', model, {
      recursive: true,
      filter: (path) => !/chat_template|eval$|train$/.test(path),
    })
    editJson(join(model, 'tokenizer_config.json'), (value) => delete value['chat_template'])
    await assert.rejects(startTestServer({ model }), /blind: no chat template/)
  })

  it('refuses conversations on every route, by their field', async () => {
    const messages = [{ role: 'user' as const, content: 'hello' }]
    const refusal = (param: string) => (error: unknown) => {
      assert.ok(error instanceof BadRequestError)
      assert.equal(error.param, param)
      assert.equal(error.code, 'unsupported_parameter')
      assert.match(error.message, new RegExp(`${param}: the model has no chat template`))
      return true
    }
    const model = 'base'
    await assert.rejects(client.chat.completions.create({ model, messages }), refusal('messages'))
    await assert.rejects(
      client.chat.completions.create({ model, messages, stream: true }),
      refusal('messages'),
    )
    await assert.rejects(client.responses.create({ model, input: 'hello' }), refusal('input'))
    const counted = client.post('/tokenize', { body: { model, messages } })
    await assert.rejects(counted, refusal('messages'))
  })
})
