/** VILA-U served, as far as it understands; its numbers, codes and drawing graphs are checked in `test/parity/`. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { NO_FACTS } from '../../models/family.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import { family } from '../../models/vila_u_llama.ts'
import type { ContentPart } from '../../src/chat/contract.ts'
import { digestModel } from '../../src/chat/model.ts'
import { ChatTemplate, type TemplateMessage, type TemplatePart } from '../../src/chat/template.ts'
import { readConfig } from '../../src/config.ts'
import { surveyFolder } from '../../src/import/survey.ts'
import { type OpenModel, openModel } from '../../src/main.ts'
import { Tokenizer } from '../../src/tokenizer/tokenizer.ts'

const CASE = resolve(import.meta.dirname, '../fixtures/vila-u/understanding')
const CHECKPOINT = join(CASE, 'checkpoint')

interface Part {
  readonly type: string
  readonly text?: string
  readonly image?: string
}
interface Run {
  readonly name: string
  readonly messages: { role: string; content: string | Part[] }[]
  readonly rendered_prompt?: string
  readonly input_ids?: number[]
  readonly greedy_text?: string
}

const { runs } = JSON.parse(readFileSync(join(CASE, 'expected.json'), 'utf8')) as { runs: Run[] }
const rawConfig = () => JSON.parse(readFileSync(join(CHECKPOINT, 'config.json'), 'utf8'))
const codec = (change: object) => {
  const raw = rawConfig()
  const tower = raw.vision_tower_cfg
  return {
    ...raw,
    vision_tower_cfg: { ...tower, rqvaesiglip: { ...tower.rqvaesiglip, ...change } },
  }
}
const SIGLIP = 'vision_tower/siglip-tiny-patch4-16/config.json'
const facts = {
  ...NO_FACTS,
  files: new Map([[SIGLIP, JSON.parse(readFileSync(join(CHECKPOINT, SIGLIP), 'utf8'))]]),
}

describe("VILA-U's conversations", () => {
  it('are written and tokenized as the published code does', async () => {
    const tokenizer = await Tokenizer.load(join(CHECKPOINT, 'llm'))
    const template = await ChatTemplate.ofFamily('vila_u', tokenizer)
    let compared = 0
    for (const { messages, rendered_prompt, input_ids } of runs) {
      if (rendered_prompt === undefined) continue
      const rendered = template.render(messages.map(message))
      assert.equal(rendered, rendered_prompt)
      const ids = rendered
        .split('<image>')
        .flatMap((piece, i) =>
          i === 0 ? [...tokenizer.encodeWhole(piece)] : [-200, ...tokenizer.encode(piece)],
        )
      assert.deepEqual(ids, input_ids)
      compared++
    }
    assert.ok(compared >= 5)
  })

  it('lead straight from an empty question to the answer', async () => {
    const tokenizer = await Tokenizer.load(join(CHECKPOINT, 'llm'))
    const template = await ChatTemplate.ofFamily('vila_u', tokenizer)
    const rendered = template.render([{ role: 'user', content: [{ type: 'text', text: ' ' }] }])
    assert.match(rendered, /questions\. USER:ASSISTANT:$/)
  })
})

describe('VILA-U', () => {
  it('answers about pictures, with the very text of the published code', async () => {
    const model = await openModel(await readConfig({ model: CHECKPOINT }, undefined))
    try {
      const run = runs.find(({ name }) => name === 'image_landscape')!
      const content = (run.messages[0]!.content as Part[]).map(
        (part): ContentPart =>
          part.type === 'text'
            ? { type: 'text', text: part.text!, param: 'question' }
            : {
                type: 'image',
                url: `data:image/png;base64,${readFileSync(join(CASE, part.image!), 'base64')}`,
                detail: 'auto',
                param: part.image!,
              },
      )
      assert.equal((await answer(model, content, 12)).trim(), run.greedy_text!.trim())
    } finally {
      await model.close()
    }
  })

  it('has a context as long as its positions were stretched to', () => {
    const { maxContext } = family.limits(family.parseConfig(rawConfig(), facts))
    assert.equal(maxContext, 8192)
  })

  it('looks for the sizes of its SigLIP beside the checkpoint and nowhere else', () => {
    const path = (name: unknown) => family.configFiles!(codec({ pretrained_model: name }))[0]
    assert.equal(path('siglip-tiny'), 'vision_tower/siglip-tiny/config.json')
    assert.equal(
      path('google/siglip-large-patch16-256'),
      'vision_tower/google/siglip-large-patch16-256/config.json',
    )
    for (const name of ['../../etc', '/etc', 'a/../b', '..', 'a/b/c', ''])
      assert.equal(path(name), undefined)
  })

  it('counts the config of its SigLIP among the files that decide its answers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aerie-vila-u-'))
    cpSync(CHECKPOINT, folder, { recursive: true })
    const { configFiles } = await loadModelConfig(folder)
    assert.deepEqual(configFiles, [SIGLIP])
    const digest = async () => (await digestModel(folder, family.weightFolders, configFiles)).digest
    const before = await digest()
    assert.equal(await digest(), before)
    const survey = await surveyFolder(folder, family.weightFolders!, configFiles)
    assert.ok(
      survey.some(({ path }) => path === SIGLIP),
      'a package has it as well',
    )
    writeFileSync(join(folder, SIGLIP), `${readFileSync(join(folder, SIGLIP), 'utf8')} `)
    assert.notEqual(await digest(), before)
    rmSync(folder, { recursive: true })
  })

  it('knows the published SigLIPs by name', () => {
    const large = codec({
      pretrained_model: 'google/siglip-large-patch16-256',
      latent_shape: [16, 16, 1024],
      code_shape: [16, 16, 4],
    })
    assert.throws(() => family.parseConfig(large, undefined), {
      message: "mm_hidden_size: expected 1024, the codes' width, got 24",
    })
  })

  it('is refused by the name of what is not known here', () => {
    const refused: [raw: unknown, message: RegExp][] = [
      [
        { ...rawConfig(), image_aspect_ratio: 'pad' },
        /^image_aspect_ratio: expected "resize", got "pad"$/,
      ],
      [
        codec({ latent_shape: [4, 4, 32] }),
        /^vision_tower_cfg\.rqvaesiglip\.latent_shape: expected \[4, 4, 24\], the tower's, got/,
      ],
      [
        codec({ code_shape: [2, 2, 4] }),
        /^vision_tower_cfg\.rqvaesiglip\.code_shape: expected \[4, 4, depth\], a place of its own/,
      ],
      [
        codec({ n_embed: 1000 }),
        /^vision_tower_cfg\.rqtransformer\.vocab_size: expected 1000, got 1009$/,
      ],
      [
        codec({ decoder_latent_shape: [3] }),
        /^vision_tower_cfg\.rqvaesiglip\.decoder_latent_shape: expected two numbers, got \[3\]$/,
      ],
    ]
    for (const [raw, message] of refused)
      assert.throws(() => family.parseConfig(raw, facts), { message })
    assert.throws(() => family.parseConfig(rawConfig(), undefined), {
      message:
        /rqvaesiglip\.pretrained_model: expected google\/siglip-large-patch16-256 or .*, got "siglip-tiny-patch4-16"$/,
    })
  })
})

async function answer(
  model: OpenModel,
  content: ContentPart[],
  maxTokens: number,
): Promise<string> {
  const changes = { requestId: 'test', maxTokens, explain: false }
  let text = ''
  for await (const event of model.ask(content, changes, new AbortController().signal)) {
    if (event.type === 'text-delta') text += event.text
  }
  return text
}

/** A video is eight pictures. */
function message({ role, content }: Run['messages'][number]): TemplateMessage {
  if (typeof content === 'string') return { role, content: [{ type: 'text', text: content }] }
  return {
    role,
    content: content.flatMap((part): TemplatePart[] =>
      part.type === 'text'
        ? [{ type: 'text', text: part.text! }]
        : Array.from({ length: part.type === 'video' ? 8 : 1 }, () => ({ type: 'image' })),
    ),
  }
}
