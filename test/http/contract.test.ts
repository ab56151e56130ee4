import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AerieError } from '../../src/errors.ts'
import { createContract } from '../../src/http/contract.ts'

const contract = createContract({ unknownFields: 'refuse' })
const base = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const say = (content: unknown) => ({ model: 'm', messages: [{ role: 'user', content }] })

function refusal(body: unknown): AerieError {
  try {
    contract.check('ChatCompletionRequest', body)
  } catch (error) {
    assert.ok(error instanceof AerieError)
    return error
  }
  assert.fail('the body was accepted')
}

const refused = (body: unknown, code: string, message: string) => {
  const error = refusal(body)
  assert.deepEqual([error.code, error.message], [code, message])
  const [param] = message.split(': ')
  assert.equal(error.param, param === 'the body' ? undefined : param)
}

test('a wrong field is named with what was expected and what came', () => {
  const cases: [unknown, string][] = [
    [null, 'the body: expected an object, got null'],
    [[base], 'the body: expected an object, got an array of 1'],
    [{ messages: base.messages }, 'model: expected a string of 1 to 256 characters, got nothing'],
    [{ model: 'm' }, 'messages: expected an array of at least 1, got nothing'],
    [
      { model: 'm', mesages: base.messages },
      'messages: expected an array of at least 1, got nothing (mesages is unknown, did you mean messages?)',
    ],
    [{ ...base, model: null }, 'model: expected a string of 1 to 256 characters, got null'],
    [{ ...base, model: '' }, 'model: expected a string of 1 to 256 characters, got 0 characters'],
    [
      { ...base, tools: [{ type: 'function', function: { name: 'a b' } }] },
      'tools[0].function.name: expected a string of 1 to 64 characters matching ^[a-zA-Z0-9_-]+$, got "a b"',
    ],
    [{ ...base, messages: [] }, 'messages: expected an array of at least 1, got 0'],
    [{ ...base, messages: ['hi'] }, 'messages[0]: expected an object, got "hi"'],
    [
      { ...base, messages: [{ role: 'robot', content: 'hi' }] },
      'messages[0].role: expected one of "system", "developer", "user", "assistant", "tool", got "robot"',
    ],
    [
      { ...base, messages: [...base.messages, { content: 'hi' }] },
      'messages[1].role: expected one of "system", "developer", "user", "assistant", "tool", got nothing',
    ],
    [say(3), 'messages[0].content: expected a string or an array of at least 1, got 3'],
    [say([]), 'messages[0].content: expected an array of at least 1, got 0'],
    [
      say([{ type: 'input_video', input_video: { data: 'x', times: Array(5000).fill(1) } }]),
      'messages[0].content[0].input_video.times: expected an array of 1 to 4096, got 5000',
    ],
    [say([{ type: 'text' }]), 'messages[0].content[0].text: expected a string, got nothing'],
    [
      say([{ type: 'image' }]),
      'messages[0].content[0].type: expected one of "text", "image_url", "input_audio", "audio_url", "file", "video_url", "input_video", got "image"',
    ],
    [
      say([
        { type: 'text', text: 'a' },
        { type: 'image_url', image_url: { url: 4 } },
      ]),
      'messages[0].content[1].image_url.url: expected a string of at least 1 character, got 4',
    ],
    [
      say([{ type: 'image_url', image_url: { url: 'x', detail: 'medium' } }]),
      'messages[0].content[0].image_url.detail: expected one of "auto", "low", "high", got "medium"',
    ],
    [
      { ...base, messages: [{ role: 'system', content: [{ type: 'image_url', image_url: 'x' }] }] },
      'messages[0].content[0].type: expected one of "text", got "image_url"',
    ],
    [{ ...base, temperature: 3 }, 'temperature: expected a number between 0 and 2, got 3'],
    [{ ...base, temperature: '1' }, 'temperature: expected a number between 0 and 2, got "1"'],
    [{ ...base, n: 1.5 }, 'n: expected an integer between 1 and 16, got 1.5'],
    [{ ...base, n: 0 }, 'n: expected an integer between 1 and 16, got 0'],
    [
      { ...base, stop: 7 },
      'stop: expected a string of 1 to 512 characters or an array of at most 16, got 7',
    ],
    [{ ...base, stop: ['a', 1] }, 'stop[1]: expected a string of 1 to 512 characters, got 1'],
    [
      { ...base, logit_bias: { '1': 200 } },
      'logit_bias["1"]: expected a number between -100 and 100, got 200',
    ],
    [
      { ...base, logit_bias: { cat: 1 } },
      'logit_bias.cat: expected a name that is a string matching ^[0-9]{1,9}$',
    ],
    [{ ...base, aerie: { explain: 'yes' } }, 'aerie.explain: expected true or false, got "yes"'],
    [
      { ...base, repetition_penalty: 0 },
      'repetition_penalty: expected a number above 0 and at most 10, got 0',
    ],
  ]
  for (const [body, message] of cases) refused(body, 'invalid_request', message)
})

test('a field that the API does not define is refused with its full path and the nearest that it does', () => {
  const cases: [unknown, string, string?][] = [
    [{ ...base, max_token: 5 }, 'max_token', 'max_tokens'],
    [{ ...base, aerie: { explian: true } }, 'aerie.explian', 'explain'],
    [{ ...base, messages: [{ role: 'user', content: 'hi', id: 1 }] }, 'messages[0].id'],
    [say([{ type: 'text', text: 'a', lang: 'en' }]), 'messages[0].content[0].lang'],
    [
      say([{ type: 'image_url', image_url: { url: 'x', detial: 'low' } }]),
      'messages[0].content[0].image_url.detial',
      'detail',
    ],
    [{ ...base, 'two words': 1 }, '["two words"]'],
    [
      JSON.parse('{"model":"m","messages":[{"role":"user","content":"hi"}],"__proto__":1}'),
      '__proto__',
    ],
  ]
  for (const [body, param, meant] of cases) {
    const hint = meant === undefined ? '' : `, did you mean ${meant}?`
    refused(body, 'unknown_parameter', `${param}: unknown parameter${hint}`)
  }
})

test('a known field that is not honoured is refused by name and with the reason', () => {
  const cases: [unknown, string][] = [
    [
      { ...base, tools: [{ type: 'custom', custom: { name: 'x' } }] },
      'tools[0].type: custom tools are not supported; use a function',
    ],
    [
      { ...base, tool_choice: { type: 'custom', custom: { name: 'x' } } },
      'tool_choice.type: custom tools are not supported; use a function',
    ],
    [
      { ...base, functions: [{ name: 'f' }] },
      'functions: use tools (accepted: []; got an array of 1)',
    ],
    [
      { ...base, function_call: { name: 'f' } },
      'function_call: use tool_choice (accepted: "none", "auto"; got an object)',
    ],
    [
      { ...base, structured_outputs: { regex: 'a', whitespace_pattern: ' ' } },
      'structured_outputs.whitespace_pattern: white space is bounded as it is',
    ],
    [
      { ...base, modalities: ['text', 'audio'] },
      'modalities: this model answers in text only (accepted: ["text"]; got an array of 2)',
    ],
    [{ ...base, store: true }, 'store: answers are not stored (accepted: false; got true)'],
    [{ ...base, audio: { voice: 'ash' } }, 'audio: spoken answers are not supported'],
    [{ ...base, web_search_options: {} }, 'web_search_options: there is no web search'],
    [
      { ...base, service_tier: 'priority' },
      'service_tier: there is no tier above the ordinary one (accepted: "auto", "default", "flex"; got "priority")',
    ],
    [
      { ...base, messages: [{ role: 'function', name: 'f', content: 'x' }] },
      'messages[0].role: use tool messages',
    ],
    [
      { ...base, messages: [{ role: 'assistant', content: 'x', refusal: 'no' }] },
      'messages[0].refusal: refusals in earlier turns are not supported; send them as content',
    ],
    [
      say([{ type: 'text', text: 'x', prompt_cache_breakpoint: { mode: 'explicit' } }]),
      'messages[0].content[0].prompt_cache_breakpoint: prompt prefixes are always kept implicitly',
    ],
  ]
  for (const [body, message] of cases) refused(body, 'unsupported_parameter', message)
})

test('values that ask for nothing pass', () => {
  const neutral = {
    tools: [],
    tool_choice: 'auto',
    parallel_tool_calls: false,
    functions: [],
    function_call: 'none',
    store: false,
    response_format: { type: 'text' },
    modalities: ['text'],
    reasoning_effort: 'none',
    verbosity: 'medium',
    service_tier: 'default',
    stream_options: { include_obfuscation: false },
    prompt_cache_options: { mode: 'implicit' },
    prompt_cache_retention: 'in_memory',
  }
  assert.ok(contract.check('ChatCompletionRequest', { ...base, ...neutral }))
})

test('messages never repeat much of a request, and of a data: URI only its head', () => {
  const long = refusal({ ...base, temperature: 'x'.repeat(1000) })
  assert.ok(long.message.length < 200)
  assert.match(long.message, /… \(1000 characters\)$/)
  const picture = refusal({ ...base, temperature: `data:image/png;base64,${'A'.repeat(5000)}` })
  assert.match(picture.message, /got "data:image\/png;base64,"… \(5022 characters\)$/)
  const name = refusal({ ...base, ['k'.repeat(1000)]: 1 })
  assert.ok(name.message.length < 250)
  const halved = refusal({ ...base, temperature: `${'x'.repeat(79)}😀😀` })
  assert.ok(halved.message.isWellFormed())
})

test('unknown fields can be ignored: they are dropped, at any depth, and nothing else changes', () => {
  const lenient = createContract({ unknownFields: 'ignore' })
  const body = {
    ...base,
    future: 1,
    messages: [{ role: 'user', id: 1, content: [{ type: 'text', text: 'hi', lang: 'en' }] }],
    metadata: { any: 'name' },
  }
  assert.deepEqual(lenient.check('ChatCompletionRequest', body), {
    model: 'm',
    messages: [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }],
    metadata: { any: 'name' },
  })
  assert.throws(() => lenient.check('ChatCompletionRequest', { ...base, store: true }), {
    code: 'unsupported_parameter',
  })
})

test('checking takes no longer for a picture of ten million characters', () => {
  const url = `data:image/png;base64,${'A'.repeat(10_000_000)}`
  const time = (body: unknown) => {
    const before = process.threadCpuUsage().user
    for (let i = 0; i < 20; i++) contract.check('ChatCompletionRequest', body)
    return (process.threadCpuUsage().user - before) / 1000
  }
  const small = say([{ type: 'image_url', image_url: { url: 'data:image/png;base64,A' } }])
  const large = say([{ type: 'image_url', image_url: { url } }])
  time(small)
  // Counting the characters once would take longer than all of this.
  assert.ok(time(large) < time(small) + 50)
})

test('what is wrong with an item is said of its own kind, though items without a type are taken as well', () => {
  const call = { type: 'function_call', id: 'fc_1', call_id: 'c', name: 'n', arguments: '{}' }
  const cases: [object, string][] = [
    [{ ...call, parsed: {} }, 'input[0].parsed: unknown parameter'],
    [{ ...call, arguments: 1 }, 'input[0].arguments: expected a string, got 1'],
  ]
  for (const [item, message] of cases) {
    assert.throws(() => contract.check('ResponseCreateRequest', { model: 'm', input: [item] }), {
      message,
    })
  }
})
