/** The families `clip` and `siglip`: every stage of transformers' own run of small checkpoints, and configs that are refused. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { family as clip } from '../../models/clip.ts'
import { NO_FACTS } from '../../models/family.ts'
import { family as siglip } from '../../models/siglip.ts'
import { runItemStages, runStages, type Stages } from '../../src/engine/backends/graph-stages.ts'
import { type ModelFiles, openModelFiles } from '../../src/engine/backends/model-files.ts'
import { preprocess } from '../../src/media/preprocess.ts'
import { readPicture } from '../../src/parity/read-picture.ts'
import { dualFixture } from '../support/dual-fixture.ts'
import { relativeError } from '../support/relative-error.ts'

const TOLERANCE = 1e-4

for (const name of ['clip', 'siglip'] as const) {
  const fixture = dualFixture(name)
  for (const backend of ['onnx', 'native', 'reference']) {
    describe(`${name} on ${backend}, compared with transformers`, () => {
      let files: ModelFiles
      let seen: Stages
      let read: Stages
      before(async () => {
        files = await openModelFiles(fixture.folder)
        const { encoder, textEncoder } = files.graphs
        seen = await runItemStages(files, backend, encoder!, fixture.expected('pixel_values'))
        const { maxTokens } = files.embeddingTower!.text!
        const tokens = fixture.ids.flatMap((ids) => [
          ...ids,
          ...Array<number>(maxTokens - ids.length).fill(0),
        ])
        const texts = fixture.ids.length
        const ends = fixture.ids.map((ids) => ids.length - 1)
        read = await runStages(files, backend, textEncoder!, {
          tokens: { data: Int32Array.from(tokens), dims: [texts, maxTokens] },
          ...(name === 'clip' && { ends: { data: Int32Array.from(ends), dims: [texts, 1] } }),
        })
      })
      after(() => files.checkpoint.close())

      const agrees = (ours: ArrayLike<number>, theirs: Float32Array) => {
        assert.equal(ours.length, theirs.length)
        const error = relativeError(Float32Array.from(ours), theirs)
        assert.ok(error < TOLERANCE, `${error}`)
      }

      it('embeddings of pictures, of length 1', () =>
        agrees(seen.get('embedding')!, fixture.expected('image_embeds')))

      it('embeddings of texts, of length 1', () =>
        agrees(read.get('text')!, fixture.expected('text_embeds')))

      it('the map of patches', () => {
        const { hiddenSize } = files.limits
        const theirs = fixture.expected('patches')
        // CLIP's have the class token in front.
        const skipped = name === 'clip' ? hiddenSize : 0
        const perPicture = theirs.length / fixture.pictures.length
        const patches = theirs.filter((_, i) => i % perPicture >= skipped)
        agrees(seen.get('features')!, patches)
      })

      it('each token of the texts behind the last norm', () => {
        const theirs = fixture.expected('text_hidden')
        const ours = read.get('text.hidden')!
        if (name === 'siglip') return agrees(ours, theirs)
        // What stands behind the end of a text is filled up in another way, and seen by nobody.
        const perText = theirs.length / fixture.ids.length
        const width = perText / files.embeddingTower!.text!.maxTokens
        const own = (values: Float32Array) =>
          values.filter((_, i) => {
            const text = Math.floor(i / perText)
            return Math.floor((i % perText) / width) < fixture.ids[text]!.length
          })
        return agrees(own(ours), own(theirs))
      })
    })
  }

  it(`${name}: pictures come out of preprocessing as out of the published processor`, async () => {
    const files = await openModelFiles(fixture.folder)
    await using _checkpoint = files.checkpoint
    const { processing } = files.embeddingTower!
    const ours: number[] = []
    for (const file of fixture.pictures) {
      const picture = await readPicture(join(fixture.folder, file), 'dropped')
      ours.push(...preprocess(picture, processing!).pixels)
    }
    const theirs = fixture.expected('pixel_values')
    const worst = ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0)
    assert.ok(worst < 1e-5, `${worst}`)
  })
}

describe('configs that are refused, by the field', () => {
  const raw = (name: 'clip' | 'siglip') =>
    JSON.parse(readFileSync(join(dualFixture(name).folder, 'config.json'), 'utf8'))
  const files = (name: string, value: unknown) => ({ ...NO_FACTS, files: new Map([[name, value]]) })

  it('another activation, which would be computed wrongly', () => {
    const config = raw('clip')
    config.text_config.hidden_act = 'gelu'
    assert.throws(() => clip.parseConfig(config), /text_config\.hidden_act: expected "quick_gelu"/)
  })

  it('a processor that crops to another size than the tower has', () => {
    const processor = { crop_size: { height: 48, width: 48 } }
    assert.throws(
      () => clip.parseConfig(raw('clip'), files('preprocessor_config.json', processor)),
      /crop_size\.height: expected 32, got 48/,
    )
  })

  it('a tokenizer whose preparation of texts is not known', () => {
    const tokenizer = { tokenizer_class: 'BertTokenizer' }
    assert.throws(
      () => siglip.parseConfig(raw('siglip'), files('tokenizer_config.json', tokenizer)),
      /tokenizer_class: expected SiglipTokenizer or /,
    )
  })

  it('texts in another space than pictures', () => {
    const config = raw('siglip')
    config.text_config.projection_size = 12
    assert.throws(() => siglip.parseConfig(config), /projection_size: expected 24/)
  })
})
