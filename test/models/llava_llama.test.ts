/** VILA-1.5 served: its conversations as the published code writes them, and its answers about pictures. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { family } from '../../models/llava_llama.ts'
import type { ContentPart } from '../../src/chat/contract.ts'
import { ChatTemplate, type TemplateMessage, type TemplatePart } from '../../src/chat/template.ts'
import { readConfig } from '../../src/config.ts'
import { type OpenModel, openModel } from '../../src/main.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { recordedCase } from '../support/recorded-cases.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/vila/vila15')
const CHECKPOINT = join(CASE, 'checkpoint')
const expected = JSON.parse(readFileSync(join(CASE, 'expected.json'), 'utf8')) as {
  prompt_rendering: { template: string; turns: string[]; prompt_text: string }[]
  requests: { id: string; turns: string[]; greedy_text: string; image_files: string[] }[]
}
const rawConfig = () => JSON.parse(readFileSync(join(CHECKPOINT, 'config.json'), 'utf8'))

describe("VILA's conversations", () => {
  for (const template of ['vicuna_v1', 'llama_3']) {
    it(`are written as the published ${template} does`, async () => {
      const tokenizer = await Tokenizer.load(join(CHECKPOINT, 'llm'))
      const chat = await ChatTemplate.ofFamily(template, tokenizer)
      // A conversation that ends with an answer is one that nobody asks to go on.
      const cases = expected.prompt_rendering.filter(
        (rendering) => rendering.template === template && rendering.turns.length % 2 === 1,
      )
      assert.ok(cases.length >= 3)
      for (const { turns, prompt_text } of cases) {
        assert.equal(chat.render(turns.map(message)), prompt_text)
      }
    })
  }
})

describe("NVILA's named conversation", () => {
  const nvila = resolve(import.meta.dirname, '../fixtures/vila/nvila-dynamic-s2/checkpoint')
  const raw = JSON.parse(readFileSync(join(nvila, 'config.json'), 'utf8')) as object
  const conversationOf = (config: object) =>
    family.conversation?.(family.parseConfig(config), () => true)

  it("goes before the tokenizer's own, and is written as the published code writes it", async () => {
    assert.equal(conversationOf(raw), undefined)
    const conversation = conversationOf({ ...raw, chat_template: 'qwen2' })
    assert.deepEqual([conversation?.template, conversation?.addsBos], ['qwen2', false])
    const tokenizer = await Tokenizer.load(join(nvila, 'llm'))
    const named = await ChatTemplate.ofFamily('qwen2', tokenizer)
    assert.deepEqual(named.source, { source: 'family', template: 'qwen2' })
    // The tokenizer of this checkpoint brings the same text, with its line breaks and blanks taken out.
    const own = await ChatTemplate.load(join(nvila, 'llm'), tokenizer)
    const question = { role: 'user', content: 'a\n  b' }
    for (const messages of [
      [question],
      [{ role: 'system', content: 'be brief' }, question],
      [question, { role: 'assistant', content: 'c' }, question],
    ])
      assert.equal(named.render(messages), own.render(messages))
  })

  it('is refused by name where it is not known here', () => {
    assert.throws(() => family.parseConfig({ ...raw, chat_template: 'mistral' }), {
      message: 'chat_template: expected "qwen2", got "mistral"',
    })
  })
})

describe('VILA-1.5', () => {
  it('answers about pictures, with the very ids of the published code', async () => {
    const model = await openModel(await readConfig({ model: CHECKPOINT }, undefined))
    try {
      for (const { turns, greedy_text, image_files } of expected.requests) {
        // The API takes one question here; the others have turns before it, or a placeholder inside a sentence.
        if (turns.length > 1 || turns[0]!.includes('<image>')) continue
        const content: ContentPart[] = image_files.map((file) => ({
          type: 'image',
          url: `data:image/png;base64,${readFileSync(join(CASE, 'inputs', file), 'base64')}`,
          detail: 'auto',
          param: file,
        }))
        content.push({ type: 'text', text: turns[0]!, param: 'question' })
        assert.equal((await answer(model, content, 10)).trim(), greedy_text.trim())
      }
    } finally {
      await model.close()
    }
  })

  it('takes a placeholder that a user types for plain text', async () => {
    const model = await openModel(await readConfig({ model: CHECKPOINT }, undefined))
    try {
      const content: ContentPart[] = [{ type: 'text', text: 'What is <image>?', param: 'question' }]
      assert.notEqual(await answer(model, content, 2), '')
    } finally {
      await model.close()
    }
  })

  it('of a generation that is not known here is refused by the name of the option', () => {
    const refused: [change: object, message: RegExp][] = [
      [
        { image_aspect_ratio: 'dynamic_s2' },
        /^image_aspect_ratio: expected "resize" or "pad", got "dynamic_s2"$/,
      ],
      [{ mm_use_im_start_end: true }, /^mm_use_im_start_end: expected false, got true$/],
      [
        { s2: true, s2_scales: '76,100' },
        /^s2_scales: expected 76 and multiples of it, got "76,100"$/,
      ],
      [{ mm_vision_select_feature: 'patch' }, /^mm_vision_select_feature: expected "cls_patch"/],
      [{ mm_vision_select_layer: -9 }, /^mm_vision_select_layer: expected a layer of 4, got -9$/],
      [
        { mm_hidden_size: 96 },
        /^mm_hidden_size: expected 32, from vision_tower_cfg and the scales, got 96$/,
      ],
      [
        { mm_projector_cfg: { mm_projector_type: 'mlp_downsample_3x3_fix' } },
        /^mm_projector_cfg\.mm_projector_type: expected "mlp_downsample"/,
      ],
    ]
    for (const [change, message] of refused) {
      assert.throws(() => family.parseConfig({ ...rawConfig(), ...change }), { message })
    }
  })
})

describe('VILA-M3', () => {
  it('on Llama 3 is asked in its own words, with what its tokenizer begins every text with', async () => {
    const folder = resolve(import.meta.dirname, '../fixtures/vila-m3/end-to-end-8b')
    const { requests } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
      requests: {
        id: string
        messages: { text: string }[]
        answer: string
        sequence_length: number
      }[]
    }
    const request = requests.find(({ id }) => id === 'r3')!
    const model = await openModel(
      await readConfig({ model: join(folder, 'checkpoint') }, undefined),
    )
    try {
      const text = request.messages[0]!.text
      const content: ContentPart[] = [{ type: 'text', text, param: 'question' }]
      const answered = await answerAndCost(model, content, 10)
      assert.equal(answered.text.trim(), request.answer.trim())
      assert.equal(answered.promptTokens, request.sequence_length)
    } finally {
      await model.close()
    }
  })
})

describe('NVILA', () => {
  for (const [name, ids] of [
    // Text before the picture, at three scales; two pictures, each at one.
    ['nvila-dynamic-s2', ['r1', 'r3']],
    // Tiles of a picture alone; two pictures, without. Its tokenizer is vocab.json and merges.txt.
    ['nvila-lite-dynamic', ['r2', 'r3']],
  ] as const) {
    const { folder, skip } = recordedCase(`vila/${name}`)
    it(`answers about one picture and two, with the very ids of the published code: ${name}`, {
      skip,
    }, async () => {
      const { requests } = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
        requests: {
          id: string
          prompt_parts: (string | { image: string })[]
          greedy_text: string
          sequence_length: number
        }[]
      }
      const model = await openModel(
        await readConfig({ model: join(folder, 'checkpoint') }, undefined),
      )
      try {
        for (const id of ids) {
          const request = requests.find((other) => other.id === id)!
          const content = request.prompt_parts.map(
            (part): ContentPart =>
              typeof part === 'string'
                ? { type: 'text', text: part, param: 'text' }
                : {
                    type: 'image',
                    url: `data:image/png;base64,${readFileSync(join(folder, 'inputs', part.image), 'base64')}`,
                    detail: 'auto',
                    param: part.image,
                  },
          )
          const { text, promptTokens } = await answerAndCost(model, content, 10)
          assert.equal(text.trim(), request.greedy_text.trim())
          assert.equal(promptTokens, request.sequence_length)
        }
      } finally {
        await model.close()
      }
    })
  }

  const folder = resolve(import.meta.dirname, '../fixtures/vila/nvila-dynamic-s2/checkpoint')
  const raw = () => JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))

  it('is told from VILA-1.5 by the keys that only its code writes, and so are the orders of its tokens', () => {
    const order = (config: object) => {
      const { projector } = family.parseConfig(config)
      return projector.form === 'joining' && projector.order
    }
    assert.equal(order(raw()), 'rows')
    assert.equal(order(rawConfig()), 'columns')
    // As published by NVIDIA: without the encoders' classes.
    const { image_encoder, video_encoder, ...published } = raw()
    assert.ok(image_encoder && video_encoder)
    assert.equal(order(published), 'rows')
  })

  it('has every published projector, and refuses others by name', () => {
    const layers = (type: string) => {
      const config = { ...raw(), mm_projector_cfg: { mm_projector_type: type } }
      const { merging } = family.graphs(family.parseConfig(config))
      const names = merging!.projector.weights.map(({ name }) => name)
      return names.filter((name) => name.endsWith('weight')).map((name) => name.split('.').at(-2))
    }
    assert.deepEqual(layers('linear'), ['layers'])
    assert.deepEqual(layers('mlp2x_gelu'), ['0', '2'])
    assert.deepEqual(layers('mlp_downsample_2x2_fix'), ['1', '2', '4'])
    assert.deepEqual(layers('mlp_downsample_3x3_fix'), ['1', '2', '4', '5', '7'])
    const narrowing = ['1', '2', '4', '5', '7', '8', '10', '11', '13']
    assert.deepEqual(layers('mlp_downsample_3x3_s2'), narrowing)
    assert.deepEqual(layers('mlp_downsample_3x3_s2_new'), [...narrowing, '14', '16'])
    assert.throws(() => layers('mlp_downsample_4x4'), {
      message:
        /^mm_projector_cfg\.mm_projector_type: expected "mlp_downsample" or .* got "mlp_downsample_4x4"$/,
    })
  })

  it('of options that are not built here is refused by their names', () => {
    const refused: [change: object, message: RegExp][] = [
      [{ ps3: true }, /^ps3: expected false, got true$/],
      [{ num_time_tokens: 8 }, /^num_time_tokens: expected 0, got 8$/],
      [{ dynamic_s2: false, mm_hidden_size: 32 }, /^image_aspect_ratio: expected "dynamic"/],
      [
        { image_aspect_ratio: 'dynamic' },
        /^image_aspect_ratio: expected "dynamic_s2", for dynamic_s2/,
      ],
      [{ s2_resize_output_to_scale_idx: 3 }, /^s2_resize_output_to_scale_idx: expected one of 3/],
      [
        { llm_cfg: { ...raw().llm_cfg, model_type: 'llama' } },
        /^llm_cfg\.model_type: expected "qwen2"/,
      ],
    ]
    for (const [change, message] of refused) {
      assert.throws(() => family.parseConfig({ ...raw(), ...change }), { message })
    }
  })
})

async function answer(
  model: OpenModel,
  content: ContentPart[],
  maxTokens: number,
): Promise<string> {
  return (await answerAndCost(model, content, maxTokens)).text
}

async function answerAndCost(
  model: OpenModel,
  content: ContentPart[],
  maxTokens: number,
): Promise<{ text: string; promptTokens: number }> {
  const changes = { requestId: 'test', maxTokens, explain: false }
  let text = ''
  let promptTokens = 0
  for await (const event of model.ask(content, changes, new AbortController().signal)) {
    if (event.type === 'text-delta') text += event.text
    if (event.type === 'usage') promptTokens = event.promptTokens
  }
  return { text, promptTokens }
}

/** Turns alternate; a placeholder and its line break are a picture. */
function message(turn: string, i: number): TemplateMessage {
  const pieces = turn.split('<image>\n')
  const content: TemplatePart[] = [{ type: 'text', text: pieces[0]! }]
  for (const text of pieces.slice(1)) content.push({ type: 'image' }, { type: 'text', text })
  return { role: i % 2 === 0 ? 'user' : 'assistant', content }
}
