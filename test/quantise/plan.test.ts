/** Which weights are quantised, cut graphs, and when a tower stays as it is. */
import assert from 'node:assert/strict'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { GraphBuilder } from '../../models/graph/builder.ts'
import {
  graphBehind,
  linearInputs,
  linearWeights,
  weightsBehind,
} from '../../models/graph/linear-weights.ts'
import { loadModelConfig } from '../../models/load-config.ts'
import type { Method } from '../../src/quantise/methods.ts'
import { planQuantisation } from '../../src/quantise/plan.ts'
import type { QuantisedForm } from '../../src/quantise/quantise-rows.ts'
import { THRESHOLDS, tooFar } from '../../src/quantise/thresholds.ts'
import { partsToKeep, towerParts } from '../../src/quantise/tower-choice.ts'
import { Checkpoint } from '../../src/weights/checkpoint.ts'

const FIXTURES = resolve(import.meta.dirname, '../fixtures')
const checkpointOf = (name: string) => join(FIXTURES, name, 'checkpoint')

describe('linearWeights', () => {
  it('are those that only multiply, whole or in rows', () => {
    const g = new GraphBuilder('layer')
    const x = g.input('x', ['n', 8])
    const plain = g.weight('plain', [8, 8])
    const stack = g.weight('stack', [24, 8])
    const columns = g.weight('columns', [4, 16])
    const added = g.weight('added', [8, 8])
    let y = g.linear(x, plain)
    y = g.add(y, g.linear(x, g.slice(stack, 0, 0, 8)))
    y = g.add(y, g.linear(g.linear(x, g.slice(columns, 1, 0, 8)), g.weight('back', [8, 4])))
    y = g.add(g.linear(y, added), g.reshape(g.slice(added, 0, 0, 1), [8]))
    g.output('y', g.add(y, g.weight('bias', [8])))
    const names = [...linearWeights(g.build())].map(({ name }) => name)
    assert.deepEqual(names.sort(), ['back', 'plain', 'stack'])
  })

  it('are read with the values that the layers read, and what is behind those is a graph', () => {
    const g = new GraphBuilder('layers')
    const first = g.weight('first', [4, 8])
    const last = g.weight('last', [4, 4])
    const x = g.input('x', ['n', 8])
    const hidden = g.relu(g.linear(x, first))
    g.output('y', g.linear(hidden, last))
    g.output('other', g.linear(hidden, g.weight('unread', [2, 4])))
    const graph = g.build()
    assert.deepEqual(linearInputs(graph).get(last), new Set([hidden]))
    const cut = graphBehind(graph, [{ name: 'hidden', value: hidden }])
    assert.deepEqual(
      [cut.weights.map(({ name }) => name), cut.nodes.map(({ op }) => op)],
      [['first'], ['linear', 'relu']],
    )
  })

  it('are not those whose values leave the graph', () => {
    const g = new GraphBuilder('layer')
    const weight = g.weight('w', [4, 4])
    g.output('y', g.linear(g.input('x', ['n', 4]), weight))
    g.stage('rows', g.slice(weight, 0, 0, 2))
    assert.equal(linearWeights(g.build()).size, 0)
  })
})

describe('planQuantisation', () => {
  const bits = (form: QuantisedForm) => (form.kind === 'rows' ? 8 : form.bits)
  const planOf = async (name: string, method: Method, keep = new Set<string>()) => {
    const config = await loadModelConfig(checkpointOf(name))
    const { weightFolders } = config.family
    await using checkpoint = weightFolders
      ? await Checkpoint.openParts(checkpointOf(name), weightFolders)
      : await Checkpoint.open(checkpointOf(name))
    const options = { method, group: 32 } as const
    const plan = planQuantisation(config, checkpoint.tensors.values(), options, keep)
    return new Map([...plan].map(([{ name }, { form }]) => [name, form]))
  }

  it('takes the linear layers of a decoder, not its norms and biases', async () => {
    const plan = await planOf('decoders/phi3', 'int4')
    const names = [...plan.keys()]
    assert.ok(names.includes('model.layers.0.self_attn.qkv_proj.weight'), 'a stack of three')
    assert.ok(names.includes('model.layers.0.mlp.gate_up_proj.weight'))
    assert.ok(!names.some((name) => /norm|bias/.test(name)))
  })

  it('gives the embedding and the head 8 bits in either form', async () => {
    for (const method of ['int8', 'int4'] as const) {
      const plan = await planOf('vila/vila15', method)
      for (const name of ['llm.model.embed_tokens.weight', 'llm.lm_head.weight']) {
        const form = plan.get(name)!
        assert.ok(form.kind === 'rows' || form.bits === 8, `${name}: ${JSON.stringify(form)}`)
      }
    }
  })

  it('gives 8 bits to what makes values and what leaves an MLP, whatever it is called', async () => {
    for (const [name, delicate, others] of [
      ['decoders/llama-minitron-width', /\.(v|down)_proj\./, /\.(q|k|o|gate|up)_proj\./],
      ['decoders/nemotron-minitron', /\.(v|down)_proj\./, /\.(q|k|o|up)_proj\./],
      ['decoders/phi3', /\.(qkv|down)_proj\./, /\.(o|gate_up)_proj\./],
    ] as const) {
      const plan = await planOf(name, 'int4')
      // One width of Minitron's is too odd for groups.
      const bitsOf = (pattern: RegExp) =>
        new Set(
          [...plan].flatMap(([weight, form]) =>
            pattern.test(weight) && form.kind === 'groups' ? [form.bits] : [],
          ),
        )
      assert.deepEqual([bitsOf(delicate), bitsOf(others)], [new Set([8]), new Set([4])], name)
    }
  })

  it('in its pure form gives 4 bits to everything that a step multiplies with, a tied head too', async () => {
    const tied = await planOf('decoders/qwen3', 'int4-pure')
    assert.deepEqual(new Set([...tied.values()].map((form) => bits(form))), new Set([4]))
    assert.ok(tied.has('model.embed_tokens.weight'))
    // A table that is only looked up costs a step nothing.
    const untied = await planOf('vila/vila15', 'int4-pure')
    assert.equal(bits(untied.get('llm.lm_head.weight')!), 4)
    assert.equal(bits(untied.get('llm.model.embed_tokens.weight')!), 8)
    assert.equal(bits(untied.get('llm.model.layers.0.self_attn.v_proj.weight')!), 4)
  })

  it('gives towers and projectors one scale a row, and leaves those alone that are to be kept', async () => {
    const plan = await planOf('vila/vila15', 'int4')
    const towers = [...plan].filter(([name]) => !name.startsWith('llm.'))
    assert.ok(towers.length > 8)
    assert.deepEqual(new Set(towers.map(([, { kind }]) => kind)), new Set(['rows']))
    const parts = towerParts(await loadModelConfig(checkpointOf('vila/vila15')))
    assert.deepEqual(
      parts.map(({ name }) => name),
      ['siglip', 'projector'],
    )
    const less = await planOf('vila/vila15', 'int4', new Set(parts[0]!.weights))
    assert.ok([...less.keys()].some((name) => name.startsWith('mm_projector')))
    assert.ok(![...less.keys()].some((name) => name.startsWith('vision_tower')))
  })

  it('leaves graphs alone that nothing measures', async () => {
    const plan = await planOf('vila-u/understanding', 'int4')
    assert.ok([...plan.keys()].some((name) => name.startsWith('vision_tower')))
    assert.ok(![...plan.keys()].some((name) => /depth_transformer|decoder\./.test(name)))
  })
})

describe('the choice of towers', () => {
  const good = { vectors: 9, cosineMean: 0.9999, cosineLeast: 0.999 }
  const bad = { ...good, cosineMean: 0.99 }
  const parts = ['clip', 'sam', 'projector'].map((name) => ({ name, weights: new Set([name]) }))
  const keep = (
    clip: typeof good,
    sam: typeof good,
    features: typeof good,
    ...kept: readonly string[]
  ) =>
    partsToKeep(
      parts,
      [
        { name: 'clip', ...clip },
        { name: 'sam', ...sam },
        { name: 'features', ...features },
      ],
      new Set(kept),
      THRESHOLDS,
    )

  it('keeps what changes too much: towers first, then the projector, then everything', () => {
    assert.deepEqual(keep(good, good, good), [])
    assert.deepEqual(keep(good, bad, bad), ['sam'])
    assert.deepEqual(keep(good, good, bad, 'sam'), ['projector'])
    assert.deepEqual(keep(good, good, bad, 'sam', 'projector'), ['clip'])
    assert.deepEqual(keep({ ...good, cosineMean: Number.NaN }, good, good), ['clip'])
    assert.deepEqual(keep({ ...good, cosineLeast: 0.5 }, good, good), ['clip'])
  })

  it('knows what every tower of a family depends on', async () => {
    const config = await loadModelConfig(checkpointOf('eagle/x5-vicuna-s160'))
    const found = towerParts(config)
    assert.deepEqual(
      found.map(({ name }) => name),
      ['clip', 'convnext', 'sam', 'eva', 'pix2struct', 'projector'].filter((name) =>
        found.some((part) => part.name === name),
      ),
    )
    assert.ok(found.length >= 6)
    const encoder = config.graphs.encoder!
    const all = found.flatMap(({ weights }) => [...weights])
    assert.equal(new Set(all).size, all.length, 'no weight belongs to two')
    assert.equal(all.length, encoder.weights.length)
    const features = encoder.outputs.find(({ name }) => name === 'features')!.value
    assert.equal(weightsBehind(encoder, features).size, encoder.weights.length)
  })
})

describe('tooFar', () => {
  const logits = { positions: 10, klMean: 0.01, klLargest: 0.1, top1: 0.95 }
  it('says the numbers', () => {
    assert.deepEqual(tooFar(logits, THRESHOLDS), [])
    assert.deepEqual(tooFar(undefined, THRESHOLDS), [])
    const [kl, top1] = tooFar({ ...logits, klMean: 0.2345, top1: 0.5 }, THRESHOLDS)
    assert.equal(kl, 'logits: KL 0.234 nats a position, at most 0.1')
    assert.equal(top1, 'likeliest token the same at 50.0 %, at least 85.0 %')
    assert.equal(tooFar({ ...logits, klMean: Number.NaN }, THRESHOLDS).length, 1)
  })
})
