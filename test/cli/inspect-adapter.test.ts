/** `aerie inspect` of an adapter: what it is, and whether it fits. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { UsageError } from '../../src/cli/command.ts'
import { inspectCommand } from '../../src/inspect/command.ts'
import { PLAIN, QWEN2, RANK_STABILISED } from '../support/adapters.ts'
import { STARTER_CHECKPOINT } from '../support/starter-checkpoint.ts'

async function inspect(folder: string, options: Record<string, string | true> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const code = await inspectCommand.run(
    {
      ...{ config: {}, configFile: undefined, positionals: [folder] },
      options: new Map(Object.entries(options)),
    },
    { stdin: new PassThrough(), stdout, stderr },
  )
  stdout.end()
  return { code, out: await text(stdout) }
}

describe('aerie inspect of an adapter', () => {
  it('says ranks, scale, modules and size', async () => {
    const { code, out } = await inspect(RANK_STABILISED)
    assert.equal(code, 0)
    for (const words of [
      'adapter (LoRA), rank 2 to 5',
      '8 in 2 layers: down_proj, o_proj, q_proj, v_proj',
      'rank-stabilised',
      '1856, 3.71 kB: 16 BF16',
      'tiny/qwen2',
    ])
      assert.ok(out.includes(words), `${words} is not in ${out}`)
  })

  it('says whether it fits a model', async () => {
    const fits = await inspect(PLAIN, { base: QWEN2 })
    assert.equal(fits.code, 0)
    assert.match(fits.out, /Fits .*qwen2/)
    const { code, out } = await inspect(PLAIN, { base: STARTER_CHECKPOINT, json: true })
    assert.equal(code, 1)
    const found = JSON.parse(out)
    assert.deepEqual([found.kind, found.adapter.modules, found.problems.length], ['adapter', 21, 1])
    assert.match(found.problems[0], /lora_A is \[4, 72\], expected/)
  })

  it('takes a base for adapters alone', async () => {
    await assert.rejects(inspect(QWEN2, { base: QWEN2 }), UsageError)
  })
})
