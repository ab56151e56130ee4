/** Videos of VILA-1.5, NVILA and LongVILA: frames, pooling, placeholders; recorded sequences are in the parity cases. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { ConfigReader } from '../../../models/config-reader.ts'
import { family } from '../../../models/llava_llama.ts'
import { poolFrames } from '../../../models/video/pooling.ts'
import { distinctFrames, evenFrames, framesAtRate } from '../../../models/vila/frame-sampling.ts'
import {
  readImageEncoder,
  readVideoEncoder,
  videoPieces,
} from '../../../models/vila/media-encoders.ts'

const encoder = (json: object | undefined) =>
  new ConfigReader(json ? { video_encoder: JSON.stringify(json) } : {})
const TSP = 'llava.model.encoders.TSPVideoEncoder'

describe('the frames that are looked at', () => {
  it('are even over the whole, halves going to the even neighbour, more than once in a short clip', () => {
    assert.deepEqual(evenFrames(100, 8), [0, 14, 28, 42, 57, 71, 85, 99])
    assert.deepEqual(evenFrames(5, 8), [0, 1, 1, 2, 2, 3, 3, 4])
    assert.deepEqual(evenFrames(6, 3), [0, 2, 5])
    assert.deepEqual(evenFrames(1, 4), [0, 0, 0, 0])
    assert.deepEqual(evenFrames(9, 1), [0])
  })

  it('are the first so many of a second with fps', () => {
    assert.deepEqual(framesAtRate(300, 8, { fps: 0.5, videoFps: 30 }), [0, 60, 120, 180, 240])
    const some = framesAtRate(90, 64, { fps: 3, videoFps: 29.97 })
    assert.deepEqual(some, [0, 9, 19, 29, 39, 49, 59, 69, 79, 89])
    assert.deepEqual(framesAtRate(10, 8, { fps: 5, videoFps: 0 }), [])
  })

  it('are each another in VILA-1.5, and fewer of a clip that is shorter than they at its rate', () => {
    assert.deepEqual(distinctFrames(100, 8), [0, 14, 28, 42, 56, 70, 84, 99])
    assert.deepEqual(distinctFrames(7, 8), [0, 1, 2, 3, 4, 5, 6])
    assert.deepEqual(distinctFrames(60, 64, { maxFps: 2, videoFps: 30 }), [0, 19, 39, 59])
    assert.deepEqual(distinctFrames(45, 64, { maxFps: 1, videoFps: 24 }), [0, 44])
  })
})

describe('video encoders', () => {
  it('are Basic where a config says nothing: a line break after each frame', () => {
    const basic = readVideoEncoder(encoder(undefined))
    assert.deepEqual(basic, { before: '', after: '\n', pools: [[1, 1, 1]], separator: '' })
    assert.deepEqual(videoPieces(basic, 2, 4), [
      { kind: 'frame', pool: 0, frame: 0 },
      { kind: 'text', text: '\n' },
      { kind: 'frame', pool: 0, frame: 1 },
      { kind: 'text', text: '\n' },
    ])
  })

  it('tell no tokens from the usual ones', () => {
    const none = { _target_: 'llava.model.encoders.BasicImageEncoder', end_tokens: null }
    const config = new ConfigReader({ image_encoder: JSON.stringify(none) })
    assert.deepEqual(readImageEncoder(config), { before: '', after: '' })
  })

  it('pool frames, then rows, then columns', () => {
    // Two frames of 2 × 2 rows of one number.
    const frames = Float32Array.of(0, 1, 2, 3, 10, 11, 12, 13)
    assert.deepEqual([...poolFrames(frames, 2, 1, [2, 1, 1])], [5, 6, 7, 8])
    assert.deepEqual([...poolFrames(frames, 2, 1, [1, 2, 1])], [1, 2, 11, 12])
    assert.deepEqual([...poolFrames(frames, 2, 1, [1, 1, 2])], [0.5, 2.5, 10.5, 12.5])
    assert.deepEqual([...poolFrames(frames, 2, 1, [2, 2, 2])], [6.5])
  })

  it('go once through the video for each pool, and end each run', () => {
    const tsp = readVideoEncoder(
      encoder({
        _target_: TSP,
        pool_sizes: [
          [4, 1, 1],
          [2, 2, 2],
        ],
        sep_tokens: ';',
      }),
    )
    const pieces = videoPieces(tsp, 8, 2)
    assert.equal(pieces.filter((p) => p.kind === 'frame' && p.pool === 0).length, 2)
    assert.equal(pieces.filter((p) => p.kind === 'frame' && p.pool === 1).length, 4)
    assert.equal(pieces.filter((p) => p.kind === 'text' && p.text === ';').length, 2)
  })

  it('refuse what does not divide, and what they do not know, by name', () => {
    assert.throws(() => poolFrames(new Float32Array(12), 2, 1, [2, 1, 1]), {
      message: 'pool_sizes: 3 frames are not a multiple of 2',
    })
    const refused: [object, RegExp][] = [
      [
        { _target_: 'os.system' },
        /^video_encoder\._target_: expected "llava\.model\.encoders\.Basic/,
      ],
      [{ _target_: TSP }, /^video_encoder\.pool_sizes: expected a list of lists of integers/],
      [
        { _target_: TSP, pool_sizes: [[8, 1]] },
        /^video_encoder\.pool_sizes: expected lists of three/,
      ],
    ]
    for (const [json, message] of refused)
      assert.throws(() => readVideoEncoder(encoder(json)), { message })
    const broken = new ConfigReader({ video_encoder: '{' })
    assert.throws(() => readVideoEncoder(broken), { message: /^video_encoder: expected JSON/ })
  })
})

describe('a long video', () => {
  it('of 1 024 frames is accepted where the context holds them', () => {
    const file = new URL('../../fixtures/vila/video-nvila/checkpoint/config.json', import.meta.url)
    const raw = JSON.parse(readFileSync(file, 'utf8'))
    const text = { ...raw.llm_cfg, max_position_embeddings: 262_144, rope_theta: 207_112_184 }
    const config = family.parseConfig({ ...raw, llm_cfg: text })
    assert.ok(family.limits(config).maxImages >= 1024)
    const [first] = config.text.attention.layers
    assert.equal(first!.rope.inverseFrequencies.at(1), 207_112_184 ** (-2 / 10))
  })
})
