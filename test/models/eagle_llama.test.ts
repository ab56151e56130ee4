/** Eagle served: its conversations and ids as the published code writes them, its answers about pictures, its limits. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { family } from '../../models/eagle_llama.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { ONE_TILE } from '../../models/tiling/layout.ts'
import type { ChatMessage, ContentPart } from '../../src/chat/contract.ts'
import { loadModelText } from '../../src/chat/model.ts'
import { buildPrompt } from '../../src/chat/prompt.ts'
import { ChatTemplate, type TemplateMessage } from '../../src/chat/template.ts'
import { readConfig } from '../../src/config.ts'
import { runEncoderStages } from '../../src/engine/backends/graph-stages.ts'
import { openModelFiles } from '../../src/engine/backends/model-files.ts'
import { type OpenModel, openModel } from '../../src/main.ts'
import { readPixels } from '../../src/parity/read-picture.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'
import { BACKENDS_HERE } from '../support/backends.ts'
import { relativeError } from '../support/relative-error.ts'
import { readSafetensors, writeSafetensors } from '../support/safetensors-file.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/eagle/x5-vicuna-s160')
const CHECKPOINT = join(CASE, 'checkpoint')
const LLAMA_3 = resolve(import.meta.dirname, '../fixtures/tokenizers/eagle-llama3')

interface RecordedMessage {
  readonly role: 'user' | 'assistant'
  readonly content: readonly (
    | { readonly type: 'image'; readonly file: string }
    | { readonly type: 'text'; readonly text: string }
  )[]
}
interface RecordedPrompt {
  readonly id: string
  readonly messages: readonly RecordedMessage[]
  readonly prompt_text: string
  readonly input_ids: readonly number[]
  readonly greedy_ids: readonly number[]
}

const readJson = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))
const expected: {
  readonly prompts: readonly RecordedPrompt[]
  readonly rendered_with_other_templates: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[]
} = readJson(CASE, 'expected.json')
const overrides = () => readJson(CHECKPOINT, 'aerie_tower_overrides.json')
const rawConfig = () => readJson(CHECKPOINT, 'config.json')

describe("Eagle's conversations", () => {
  const rendered = {
    vicuna_v1: Object.fromEntries(expected.prompts.map(({ id, prompt_text }) => [id, prompt_text])),
    ...expected.rendered_with_other_templates,
  }
  for (const [template, texts] of Object.entries(rendered)) {
    it(`are written as the published ${template} does`, async () => {
      const chat = await ChatTemplate.ofFamily(template, await Tokenizer.load(CHECKPOINT))
      assert.ok(expected.prompts.length >= 5)
      for (const { id, messages } of expected.prompts) {
        assert.equal(chat.render(messages.map(templateMessage)), texts[id])
      }
    })
  }

  it('are chosen by the vocabulary', () => {
    const { config } = configOf({})
    const of = (...tokens: string[]) =>
      family.conversation!(config, (token) => tokens.includes(token))!.template
    assert.equal(of('<s>', '</s>'), 'vicuna_v1')
    assert.equal(of('<|begin_of_text|>', '<|eot_id|>'), 'llama3')
    assert.equal(of('<s>', '<|im_start|>', '<|im_end|>'), 'yi_34b_chatml_direct')
  })

  it('begin twice with Llama 3: with what the tokenizer adds, and with what the text says', async () => {
    const { config } = configOf({})
    const text = await loadModelText(LLAMA_3, {
      conversationOf: (has) => family.conversation!(config, has),
    })
    try {
      const prompts: readonly RecordedPrompt[] = readJson(LLAMA_3, 'prompts.json')
      for (const { messages, prompt_text, input_ids } of prompts) {
        const builder = {
          ...text,
          picturePrompt: {
            placeholder: () => '<image>',
            texts: () => ['', ''],
            stretchTexts: { before: '', after: '' },
          },
          messageContent: 'parts' as const,
          limits: { maxContext: 2048 },
        }
        const pictures = messages.flatMap(({ content }) =>
          content.filter(({ type }) => type === 'image'),
        )
        const prompt = await buildPrompt(
          builder,
          messages.map(chatMessage),
          pictures.map(() => ({ kind: 'picture', layout: ONE_TILE, tokens: 1 })),
        )
        assert.equal(prompt.text, prompt_text)
        const ids = prompt.pieces.flatMap((piece) =>
          piece.kind === 'tokens' ? [...piece.ids] : -200,
        )
        assert.deepEqual(ids, input_ids)
        assert.deepEqual(ids.slice(0, 2), [384, 384])
      }
      // The configuration names the end of a text alone; an answer ends with the end of its turn.
      assert.ok(text.stopTokenIds.has(text.tokenizer.idOf('<|eot_id|>')!))
      assert.ok(text.stopTokenIds.has(text.tokenizer.idOf('<|end_of_text|>')!))
    } finally {
      await text.encoder.dispose()
    }
  })
})

describe('Eagle', () => {
  it('answers about pictures, with the very ids of the published code', async () => {
    const tokenizer = await Tokenizer.load(CHECKPOINT)
    const model = await openModel(await readConfig({ model: CHECKPOINT }, undefined))
    try {
      // The API takes one question here; the others have turns before it.
      for (const { messages, greedy_ids } of expected.prompts.filter(
        (p) => p.messages.length === 1,
      )) {
        const content = messages[0]!.content.map(withPicture)
        // Their bytes are not all UTF-8, and decoders differ in how many marks they leave for that.
        assert.equal(await answer(model, content, 10), tokenizer.decode(greedy_ids))
      }
    } finally {
      await model.close()
    }
  })

  it('refuses a prompt of which the published code would cut off the end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aerie-eagle-'))
    cpSync(CHECKPOINT, folder, { recursive: true })
    const raw = { ...rawConfig(), tokenizer_model_max_length: 108 }
    writeFileSync(join(folder, 'config.json'), JSON.stringify(raw))
    const model = await openModel(await readConfig({ model: folder }, undefined))
    try {
      const [single] = expected.prompts
      await assert.rejects(answer(model, single!.messages[0]!.content.map(withPicture), 1), {
        code: 'context_length_exceeded',
        message:
          'the prompt takes 109 positions (84 text, 25 pictures); the model reads 108 of its 4096',
      })
      // An answer may go on behind it.
      const question: ContentPart[] = [{ type: 'text', text: 'What?', param: 'q' }]
      assert.notEqual(await answer(model, question, 50), '')
    } finally {
      await model.close()
      rmSync(folder, { recursive: true })
    }
  })

  it('has the published towers where nothing says otherwise', () => {
    const { config, graph } = configOf({
      overrides: undefined,
      mm_hidden_size: 7680,
      hidden_size: 4096,
      num_attention_heads: 32,
      num_key_value_heads: 32,
    })
    assert.deepEqual(family.towers!(config), [
      { name: 'clip', inputSize: 336, stage: 'clip.out' },
      { name: 'convnext', inputSize: 1024, stage: 'convnext.out' },
      { name: 'sam', inputSize: 1024, stage: 'sam.out' },
      { name: 'eva', inputSize: 1024, stage: 'eva.out' },
      { name: 'pix2struct', inputSize: 1024, stage: 'pix2struct.out' },
    ])
    const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape.join()]))
    const at = (index: number, name: string) =>
      shapes.get(`model.vision_tower.vision_towers.${index}.vision_tower.${name}`)
    assert.equal(at(0, 'vision_model.embeddings.position_embedding.weight'), '577,1024')
    assert.equal(at(0, 'vision_model.encoder.layers.23.mlp.fc1.weight'), '4096,1024')
    assert.equal(at(1, 'stages.2.blocks.29.mlp.fc1.weight'), '6144,1536')
    assert.equal(at(2, 'layers.4.attn.rel_pos_h'), '27,64')
    assert.equal(at(2, 'layers.5.attn.rel_pos_h'), '127,64')
    assert.equal(at(2, 'neck.conv1.weight'), '256,1024,1,1')
    assert.equal(at(3, 'rope_win.freqs_cos'), '256,64')
    assert.equal(at(3, 'rope_glb.freqs_cos'), '4096,64')
    assert.equal(at(3, 'blocks.23.mlp.w1.weight'), '2730,1024')
    assert.equal(at(4, 'embeddings.row_embedder.weight'), '4096,1536')
    assert.equal(at(4, 'encoder.layer.17.mlp.wi_0.weight'), '3968,1536')
    assert.equal(shapes.get('model.mm_projector.0.weight'), '4096,7680')
    assert.equal(family.limits(config).tokensPerTile, 1024)
    assert.equal(family.limits(config).maxImages, 1)
  })

  it('joins the towers in the order of the list', () => {
    const words = rawConfig().mm_vision_tower.split(';').reverse()
    const { config, graph } = configOf({ mm_vision_tower: words.join(';') })
    const names = ['pix2struct', 'eva', 'sam', 'convnext', 'clip']
    assert.deepEqual(
      family.towers!(config).map(({ name }) => name),
      names,
    )
    const grids = graph.stages.filter(({ name }) => name.endsWith('.grid'))
    assert.deepEqual(
      grids.map(({ name }) => name),
      names.map((name) => `${name}.grid`),
    )
    const fused = graph.stages.find(({ name }) => name === 'fused')!.value
    const concat = graph.nodes.find(({ output }) => output === fused)!
    assert.deepEqual(
      concat.inputs,
      grids.map(({ value }) => value),
    )
  })

  it('cuts pictures from the middle unless it is told to pad them', () => {
    const modeOf = (word: unknown) =>
      family.imagePreprocessing!(configOf({ image_aspect_ratio: word }).config).mode
    assert.equal(modeOf('pad'), 'pad')
    assert.equal(modeOf(undefined), 'crop')
    assert.equal(modeOf('square'), 'crop')
  })

  it('of a kind that is not known here is refused by the name of the option', () => {
    const refused: [change: Record<string, unknown>, message: RegExp][] = [
      [{ image_aspect_ratio: 'anyres' }, /^image_aspect_ratio: expected anything but anyres/],
      [{ mm_use_im_start_end: true }, /^mm_use_im_start_end: expected false, got true$/],
      [{ mm_use_im_patch_token: true }, /^mm_use_im_patch_token: expected false, got true$/],
      [{ mm_projector_type: 'linear' }, /^mm_projector_type: expected "mlp2x_gelu", got "linear"$/],
      [{ mm_patch_merge_type: 'spatial_unpad' }, /^mm_patch_merge_type: expected "flat"/],
      [
        { mm_vision_tower: 'clip-448;dino-1024' },
        /^mm_vision_tower: expected two or more of clip-448, convnext-1024, .*got "clip-448;dino-1024"$/,
      ],
      [{ mm_vision_tower: 'clip-448;clip-448' }, /^mm_vision_tower: expected two or more/],
      [{ mm_hidden_size: 137 }, /^mm_hidden_size: expected 136, the sum over the towers, got 137$/],
      [
        { overrides: { ...overrides(), clip: { hidden_act: 'gelu' } } },
        /^aerie_tower_overrides\.json\.clip\.hidden_act: expected "quick_gelu", got "gelu"$/,
      ],
      [
        { overrides: { ...overrides(), sam: { global_attn_indexes: [24] } } },
        /^aerie_tower_overrides\.json\.sam\.global_attn_indexes: .*from 0 to 23, got \[24\]$/,
      ],
      [
        { overrides: { ...overrides(), pix2struct: { max_patches: 90 } } },
        /^aerie_tower_overrides\.json\.pix2struct\.patches_per_side: expected 9, all that 90 patches/,
      ],
    ]
    for (const [change, message] of refused) assert.throws(() => configOf(change), { message })
  })
})

describe("Eagle's rotary tables", () => {
  it('are, where they are saved, the computed ones rounded by training', async () => {
    const { graphs } = await loadModelConfig(CHECKPOINT)
    const files = await openModelFiles(CHECKPOINT)
    await using _checkpoint = files.checkpoint
    const tables = graphs.encoder!.weights.filter(({ derived }) => derived)
    assert.equal(tables.length, 4)
    for (const { name, derived } of tables) {
      const saved = await files.checkpoint.readFloats(files.tensors.get(name)!)
      const error = relativeError(saved, Float32Array.from(derived!.values()))
      assert.ok(error < 2 ** -8, `${name} is ${error} off`)
      assert.equal(derived!.copies.length, name.includes('rope_win') ? 2 : 1)
    }
  })

  it('are of no use to a tower none of whose layers attends in their way', () => {
    const ignored = (layers: number[]) => {
      const eva = { ...overrides().eva, window_block_indexes: layers }
      const { config } = configOf({ overrides: { ...overrides(), eva } })
      return family.ignoredWeights!(config).filter((name) => name.includes('rope'))
    }
    const tower = 'model.vision_tower.vision_towers.3.vision_tower'
    assert.deepEqual(ignored([0, 1]), [])
    assert.deepEqual(ignored([]), [`${tower}.rope_win.`])
    assert.deepEqual(ignored([0, 1, 2]), [`${tower}.rope_glb.`])
  })

  it('are computed where they are not saved', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aerie-rope-'))
    try {
      for (const file of ['config.json', 'aerie_tower_overrides.json'])
        cpSync(join(CHECKPOINT, file), join(folder, file))
      const { weight_map } = readJson(CHECKPOINT, 'model.safetensors.index.json')
      const whole = await openModelFiles(CHECKPOINT)
      await using _whole = whole.checkpoint
      const kept = [...whole.checkpoint.tensors].filter(([name]) => !name.includes('.freqs_'))
      assert.equal(Object.keys(weight_map).length - kept.length, 2 * (3 + 2))
      const tensors: Record<string, { shape: readonly number[]; values: Float32Array }> = {}
      for (const [name, tensor] of kept) {
        const values = await whole.checkpoint.readFloats(tensor)
        tensors[name] = { shape: tensor.shape, values }
      }
      writeSafetensors(join(folder, 'model.safetensors'), tensors)
      const files = await openModelFiles(folder)
      await using _checkpoint = files.checkpoint
      const recorded = readSafetensors(join(CASE, 'expected.safetensors'))
      const { preprocessing } = await loadModelConfig(CHECKPOINT)
      const pixels = await readPixels([join(CASE, 'inputs/a.png')], preprocessing!)
      for (const backend of BACKENDS_HERE) {
        const stages = await runEncoderStages(files, backend, pixels)
        const error = relativeError(stages.get('eva.grid')!, recorded.get('eva.grid')!)
        assert.ok(error > 1e-4 && error < 0.02, `${backend}: ${error}`)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** The case's config with changes; `overrides` changes the file beside it. */
function configOf(change: Record<string, unknown>) {
  const { overrides: beside, ...raw } = { overrides: overrides(), ...rawConfig(), ...change }
  const files = new Map([['aerie_tower_overrides.json', beside]])
  const config = family.parseConfig(raw, { files, tensorShapes: new Map() })
  return { config, graph: family.graphs(config).encoder! }
}

function templateMessage({ role, content }: RecordedMessage): TemplateMessage {
  return {
    role,
    content: content.map((part) => (part.type === 'image' ? { type: 'image' } : part)),
  }
}

function chatMessage({ role, content }: RecordedMessage): ChatMessage {
  return {
    role,
    name: undefined,
    content: content.map((part) =>
      part.type === 'text'
        ? { ...part, param: 'm' }
        : { type: 'image', url: part.file, detail: 'auto', param: 'm' },
    ),
  }
}

function withPicture(part: RecordedMessage['content'][number]): ContentPart {
  if (part.type === 'text') return { ...part, param: 'question' }
  const bytes = readFileSync(join(CASE, part.file), 'base64')
  return { type: 'image', url: `data:image/png;base64,${bytes}`, detail: 'auto', param: part.file }
}

async function answer(
  model: OpenModel,
  content: readonly ContentPart[],
  maxTokens: number,
): Promise<string> {
  const changes = { requestId: 'test', maxTokens, explain: false }
  let text = ''
  for await (const event of model.ask(content, changes, new AbortController().signal)) {
    if (event.type === 'text-delta') text += event.text
  }
  return text
}
