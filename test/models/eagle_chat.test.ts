/** Eagle 2's first generation served: its conversations, its two towers, and what its config may not say. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, it } from 'node:test'
import { family } from '../../models/eagle_chat.ts'
import type { FolderFacts } from '../../models/family.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { layoutPictures } from '../../models/preprocessing.ts'
import type { ContentPart } from '../../src/chat/contract.ts'
import { ChatTemplate, type TemplatePart } from '../../src/chat/template.ts'
import { readConfig } from '../../src/config.ts'
import { openModel } from '../../src/main.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/eagle2/eagle2-moe')
const CHECKPOINT = join(CASE, 'checkpoint')
const readJson = (...path: string[]) => JSON.parse(readFileSync(join(CASE, ...path), 'utf8'))

describe("the conversations of Eagle 2's first generation", async () => {
  const template = await ChatTemplate.ofFamily('eagle_chat', await Tokenizer.load(CHECKPOINT))
  const picture: TemplatePart = { type: 'image' }
  const words = (text: string): TemplatePart => ({ type: 'text', text })
  const system = '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n'
  const rest = '<|im_end|>\n<|im_start|>assistant\n'

  it('have a picture and a line break, and no number, where there is one picture', () => {
    assert.equal(
      template.render([{ role: 'user', content: [picture, words('What?')] }]),
      `${system}<|im_start|>user\n<image>\nWhat?${rest}`,
    )
  })

  it('number several pictures over all turns, the frames of a video among them', () => {
    const messages = [
      { role: 'system', content: [words('Be brief.')] },
      { role: 'user', content: [picture, { type: 'video', frames: 3 } as const, words('A?')] },
      { role: 'assistant', content: [words('Yes.')] },
      { role: 'user', content: [words('B? '), picture] },
    ]
    assert.equal(
      template.render(messages),
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n<image 1><image>\n<video>A?<|im_end|>\n' +
        `<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nB? <image 5><image>\n${rest}`,
    )
  })
})

describe('Eagle2-9B', () => {
  const raw = readJson('checkpoint', 'config.json')
  const scratch = mkdtempSync(join(tmpdir(), 'aerie-eagle-chat-'))
  after(() => rmSync(scratch, { recursive: true }))
  const { prompts } = readJson('expected.json') as {
    prompts: { name: string; response: string }[]
  }

  /** The checkpoint with other fields in its config. */
  function checkpointWith(changes: object): string {
    const folder = mkdtempSync(join(scratch, 'checkpoint-'))
    cpSync(CHECKPOINT, folder, { recursive: true })
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...raw, ...changes }))
    return folder
  }

  async function answer(
    checkpoint: string,
    content: ContentPart[],
    maxTokens: number,
  ): Promise<string> {
    const model = await openModel(await readConfig({ model: checkpoint }, undefined))
    try {
      const changes = { requestId: 'test', maxTokens, explain: false }
      let said = ''
      for await (const event of model.ask(content, changes, new AbortController().signal))
        if (event.type === 'text-delta') said += event.text
      return said
    } finally {
      await model.close()
    }
  }

  it('answers about a picture with the very words of the published code', async () => {
    // The demo that was recorded takes the tile limit from its user; served, it is the config's.
    const folder = checkpointWith({ max_dynamic_patch: 4 })
    const url = `data:image/png;base64,${readFileSync(join(CASE, 'inputs/landscape.png'), 'base64')}`
    const content: ContentPart[] = [
      { type: 'image', url, detail: 'auto', param: 'image' },
      { type: 'text', text: 'Describe this image in details.', param: 'question' },
    ]
    const { response } = prompts.find(({ name }) => name === 'single_image')!
    assert.equal((await answer(folder, content, 10)).trim(), response)
  })

  it("takes ConvNeXt's sizes from its tensors, and wherever the towers are", async () => {
    const { config } = await loadModelConfig(CHECKPOINT)
    const { convNext, siglip } = config as ReturnType<typeof family.parseConfig>
    assert.deepEqual(convNext?.config.depths, [2, 1, 3, 1])
    assert.deepEqual(convNext?.config.hiddenSizes, [12, 20, 28, 36])
    assert.match(siglip.prefix, /vision_towers\.0\.vision_tower\.vision_model$/)
    assert.match(convNext!.prefix, /vision_towers\.1\.vision_tower$/)
  })

  const inVision = (changes: object) => ({ vision_config: { ...raw.vision_config, ...changes } })

  it('is ConvNeXt-XXL where there are no tensors, in the place that the config names', () => {
    const published = {
      force_image_size: 448,
      ...inVision({
        vision_path: 'MOB:convnext-1024;palisiglip',
        convnext_img_size: 512,
        siglip_img_size: 448,
        siglip_vision_config: {
          ...raw.vision_config.siglip_vision_config,
          image_size: 448,
          patch_size: 14,
        },
      }),
    }
    const { convNext, siglip } = family.parseConfig({ ...raw, ...published })
    assert.deepEqual(convNext?.config.depths, [3, 4, 30, 3])
    assert.match(convNext!.prefix, /vision_towers\.0\.vision_tower$/)
    assert.match(siglip.prefix, /vision_towers\.1\./)
  })

  it('shares the context out among its pictures by the length of its tokenizer', () => {
    const facts: FolderFacts = {
      files: new Map([['tokenizer_config.json', { model_max_length: 4096 }]]),
      tensorShapes: new Map(),
    }
    const changes = { ...raw, vision_config: raw.vision_config.siglip_vision_config }
    const config = family.parseConfig(changes, facts)
    assert.equal(family.limits(config).maxContext, 4096)
    const pictures = new Array(4).fill({ size: { width: 300, height: 200 }, detail: 'auto' })
    const layouts = layoutPictures(family.imagePreprocessing!(config), pictures)
    const tiles = layouts.reduce((sum, layout) => sum + layout.tiles, 0)
    assert.ok(tiles * 256 < 4096 && tiles > 4, String(tiles))
  })

  it('refuses what is not known here by the name of the key', () => {
    const refused: [changes: object, message: RegExp][] = [
      [{ template: 'internlm2-chat' }, /^template: expected "qwen2-chat"/],
      [{ keep_aspect_ratio: true }, /^keep_aspect_ratio: expected false/],
      [{ select_layer: -2 }, /^select_layer: expected -1 with two towers, got -2$/],
      [inVision({ model_type: 'intern_vit_6b' }), /^vision_config\.model_type: /],
      [
        inVision({ moe_version_type: 'radio_448_siglip_448' }),
        /^vision_config\.moe_version_type: /,
      ],
      [
        inVision({ normalize_type: 'imagenet' }),
        /^vision_config\.normalize_type: expected "siglip"/,
      ],
      [inVision({ vision_path: 'MOB:eva' }), /^vision_config\.vision_path: expected "MOB:" and/],
      [inVision({ siglip_img_size: 448 }), /^vision_config\.siglip_img_size: expected 42, as in/],
      [inVision({ convnext_img_size: 100 }), /^vision_config\.convnext_img_size: expected a side/],
    ]
    for (const [changes, message] of refused)
      assert.throws(() => family.parseConfig({ ...raw, ...changes }), { message })
  })
})
