/** Responses that are kept: what is gone on from, listed, deleted, and by whom. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openTestApp } from '../../support/http-app.ts'
import { ask, assertFails, get, PICTURE } from '../../support/responses.ts'

describe('what is kept', () => {
  it('is gone on from, with its pictures, and its instructions are not carried over', async () => {
    await using app = await openTestApp()
    const content = [
      { type: 'input_text', text: 'one' },
      { type: 'input_image', image_url: PICTURE },
    ]
    const first = await ask(app, { instructions: 'i', input: [{ role: 'user', content }] })
    const second = await ask(app, { input: 'two', previous_response_id: first.json.id })
    const third = await ask(app, { input: 'three', previous_response_id: second.json.id })
    assert.equal(third.json.previous_response_id, second.json.id)
    const { messages } = app.service.requests[2]!
    assert.deepEqual(
      messages.map(({ role, content: [part] }) => [role, part!.param]),
      [
        ['user', 'previous_response_id[0].input[0].content[0].text'],
        ['assistant', 'previous_response_id[0].output[0].content[0].text'],
        ['user', 'previous_response_id[1].input[0].content[0].text'],
        ['assistant', 'previous_response_id[1].output[0].content[0].text'],
        ['user', 'input'],
      ],
    )
    assert.equal((messages[0]!.content[1] as { url: string }).url, PICTURE)
    const items = await get(app, first.json.id, '/input_items')
    assert.equal(items.json.data[0].content[1].image_url, PICTURE)
    assert.equal((await get(app, third.json.id, '/input_items')).json.data.length, 1)
    const { json: cost } = await app.request('POST', '/v1/responses/input_tokens', {
      payload: { model: 'echo', input: 'three', previous_response_id: second.json.id },
    })
    assert.equal(cost.input_tokens, third.json.usage.input_tokens)
  })

  it('is not gone on from where it was not kept, is gone, has a gap, or is too long', async () => {
    const chain = { maxTurns: 4, maxBytes: 64 * 1024 }
    await using app = await openTestApp({ keeping: { chain } })
    const next = (id: string) => ask(app, { input: 'b', previous_response_id: id })
    const unkept = await ask(app, { input: 'a', store: false })
    assert.equal(unkept.json.store, false)
    assertFails(await get(app, unkept.json.id), 404, 'not_found', 'response_id')
    assertFails(
      await next(unkept.json.id),
      400,
      'previous_response_not_found',
      'previous_response_id',
    )
    const ids = [(await ask(app, { input: 'a' })).json.id]
    for (let i = 0; i < 4; i++) {
      ids.push((await next(ids.at(-1)!)).json.id)
    }
    const tooMany = await next(ids.at(-1)!)
    assertFails(tooMany, 413, 'request_too_large', 'previous_response_id')
    assert.equal(ids.length, 4 + 1, 'the first, and as many turns as there may be')
    assert.equal((await app.request('DELETE', `/v1/responses/${ids[1]}`)).status, 200)
    const gap = await next(ids[3]!)
    assertFails(gap, 400, 'previous_response_not_found', 'previous_response_id')
    assert.match(
      gap.json.error.message,
      new RegExp(`it goes on from ${ids[1]}, which is not there`),
    )
    const big = { role: 'user', content: 'x '.repeat(20_000) }
    const one = await ask(app, { input: [big] })
    const long = await next(one.json.id)
    assertFails(long, 413, 'request_too_large', 'previous_response_id')
  })

  it('is referred to item by item', async () => {
    await using app = await openTestApp()
    const first = await ask(app, { input: 'one' })
    const { data } = (await get(app, first.json.id, '/input_items')).json
    const input = [
      { type: 'item_reference', id: data[0].id },
      { id: first.json.output[0].id },
      { role: 'user', content: 'two' },
    ]
    const second = await ask(app, { input })
    assert.equal(second.status, 200)
    assert.deepEqual(
      app.service.requests[1]!.messages.map(({ role, content }) => [
        role,
        (content[0] as { text: string }).text,
      ]),
      [
        ['user', 'one'],
        ['assistant', 'one'],
        ['user', 'two'],
      ],
    )
    const listed = await get(app, second.json.id, '/input_items?order=asc')
    assert.deepEqual(
      listed.json.data.slice(0, 2).map(({ id }: { id: string }) => id),
      [data[0].id, first.json.output[0].id],
    )
  })

  it('is listed in pages', async () => {
    await using app = await openTestApp()
    const input = ['a', 'b', 'c'].map((content) => ({ role: 'user', content }))
    const { json } = await ask(app, { input })
    const page = async (query: string) => {
      const { json: list } = await get(app, json.id, `/input_items?${query}`)
      const texts = list.data.map((item: { content: { text: string }[] }) => item.content[0]!.text)
      return { texts: texts.join(''), ...list }
    }
    assert.equal((await page('include[]=message.input_image.image_url')).texts, 'cba')
    const first = await page('order=asc&limit=2')
    assert.deepEqual([first.texts, first.has_more], ['ab', true])
    const second = await page(`order=asc&limit=2&after=${first.last_id}`)
    assert.deepEqual([second.texts, second.has_more], ['c', false])
    const beyond = await get(app, json.id, '/input_items?after=msg_none')
    assertFails(beyond, 400, 'invalid_request', 'after')
    const wrong = await get(app, json.id, '/input_items?limit=0')
    assertFails(wrong, 400, 'invalid_request', 'limit')
    assert.equal((await get(app, 'resp_none', '/input_items')).status, 404)
  })

  it('is listed with the fields that official clients count on', async () => {
    await using app = await openTestApp()
    const picture = { type: 'input_image', image_url: PICTURE }
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' }
    const input = [
      { role: 'user', content: [picture, { ...picture, detail: 'low' }] },
      { role: 'assistant', content: 'red' },
      ...[call, { type: 'function_call_output', call_id: 'c', output: [picture] }],
    ]
    const { json } = await ask(app, { input })
    const [shown, said, , result] = (await get(app, json.id, '/input_items?order=asc')).json.data
    assert.deepEqual(
      [...shown.content, ...result.output].map(({ detail }) => detail),
      ['auto', 'low', 'auto'],
    )
    assert.deepEqual(said.content, [
      { type: 'output_text', text: 'red', annotations: [], logprobs: [] },
    ])
  })

  it("is nobody else's", async () => {
    const names = new Map([
      ['Bearer one', 'one'],
      ['Bearer two', 'two'],
    ])
    const nameOf = (key?: string) => names.get(key ?? '')
    const apiKeys = { nameOf, names: () => ['one', 'two'], read: async () => () => undefined }
    await using app = await openTestApp({ apiKeys })
    const as = (name: string) => ({ authorization: `Bearer ${name}` })
    const { json } = await ask(app, { input: 'a' }, as('one'))
    const look = (method: string, path: string, name: string) =>
      app.request(method, `/v1/responses/${json.id}${path}`, { headers: as(name) })
    for (const [method, path] of [
      ['GET', ''],
      ['GET', '/input_items'],
      ['POST', '/cancel'],
      ['DELETE', ''],
    ] as const)
      assert.equal((await look(method, path, 'two')).status, 404, method + path)
    const next = { input: 'b', previous_response_id: json.id }
    assertFails(
      await ask(app, next, as('two')),
      400,
      'previous_response_not_found',
      'previous_response_id',
    )
    const reference = { input: [{ id: json.output[0].id }] }
    assertFails(await ask(app, reference, as('two')), 404, 'not_found', 'input[0].id')
    assert.equal((await look('GET', '', 'one')).status, 200)
    assert.equal((await look('DELETE', '', 'one')).json.deleted, true)
    assert.equal((await look('GET', '', 'one')).status, 404)
  })

  it('is nothing where the server keeps nothing', async () => {
    const quotas = { maxBytes: 0, maxTenantBytes: 0, maxResponses: 10 }
    await using app = await openTestApp({ keeping: { quotas } })
    const { json } = await ask(app, { input: 'a' })
    assert.deepEqual([json.status, json.store], ['completed', false])
    for (const field of ['store', 'background'])
      assertFails(
        await ask(app, { input: 'a', [field]: true }),
        400,
        'unsupported_parameter',
        field,
      )
  })

  it('makes room for what comes, and what cannot be kept is not generated', async () => {
    const quotas = { maxBytes: 20_000, maxTenantBytes: 20_000, maxResponses: 3 }
    await using app = await openTestApp({ keeping: { quotas } })
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push((await ask(app, { input: 'a' })).json.id)
    const statuses = await Promise.all(ids.map(async (id) => (await get(app, id)).status))
    assert.deepEqual(statuses, [404, 404, 200, 200, 200])
    assert.equal(app.responses.stats().evicted, 2)
    const asked = app.service.requests.length
    const input = [
      { role: 'user', content: [{ type: 'input_image', image_url: PICTURE.repeat(4) }] },
    ]
    assertFails(await ask(app, { input }), 507, 'insufficient_storage', 'store')
    assert.equal(app.service.requests.length, asked)
    assert.equal((await ask(app, { input, store: false })).status, 200)
  })
})
