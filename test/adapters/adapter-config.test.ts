/** `adapter_config.json`: what is honoured, and what is refused by name. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAdapterConfig } from '../../src/adapters/adapter-config.ts'
import { namePattern } from '../../src/adapters/name-pattern.ts'
import { AerieError } from '../../src/errors.ts'
import { damageJson } from '../support/damage.ts'
import { seededRandom } from '../support/seeded-random.ts'

const LORA = { peft_type: 'LORA', r: 16, lora_alpha: 32, target_modules: ['q_proj', 'v_proj'] }
const Q0 = 'model.layers.0.self_attn.q_proj'
const Q10 = 'model.layers.10.self_attn.q_proj'
const DOWN1 = 'model.layers.1.mlp.down_proj'

const refused = (config: object, message: RegExp) =>
  assert.throws(() => parseAdapterConfig(config), { code: 'invalid_package', message })

describe('adapter_config.json', () => {
  it('gives the scale as PEFT does: alpha over rank, or over its root', () => {
    assert.equal(parseAdapterConfig(LORA).scaleOf(Q0), 2)
    assert.equal(parseAdapterConfig({ ...LORA, use_rslora: true }).scaleOf(Q0), 8)
    assert.equal(
      parseAdapterConfig({ peft_type: 'LORA', target_modules: 'all-linear' }).scaleOf(Q0),
      1,
    )
  })

  it('takes ranks and alphas of modules by their names, the first pattern that matches', () => {
    const config = parseAdapterConfig({
      ...LORA,
      rank_pattern: {
        'layers.0.self_attn.q_proj': 4,
        q_proj: 8,
        'layers\\.(1|2)\\.mlp\\.down_proj': 2,
      },
      alpha_pattern: { '.*down_proj': 10, 'model.layers.10.self_attn.q_proj': 64 },
    })
    assert.deepEqual(
      [Q0, Q10, DOWN1, 'model.layers.3.mlp.down_proj'].map(config.rankOf),
      [4, 8, 2, 16],
    )
    assert.deepEqual([Q0, Q10, DOWN1].map(config.scaleOf), [8, 8, 5])
    // A name is matched from a dot on, as PEFT does.
    assert.equal(config.rankOf('model.layers.0.self_attn.my_q_proj'), 16)
  })

  it('says which matrices are not to be there', () => {
    const config = parseAdapterConfig({ ...LORA, layers_to_transform: [0, 2] })
    assert.equal(config.strayReason(Q0), undefined)
    assert.match(config.strayReason(Q10)!, /layers_to_transform leaves out layer 10/)
    assert.match(config.strayReason('model.layers.2.mlp.down_proj')!, /target_modules/)
    const all = parseAdapterConfig({ ...LORA, target_modules: '.*_proj', layers_to_transform: 1 })
    assert.equal(all.strayReason(DOWN1), undefined)
    assert.match(all.strayReason(Q0)!, /layer 0/)
  })

  it('takes what has no effect on an answer', () => {
    parseAdapterConfig({
      ...LORA,
      ...{ lora_dropout: 0.1, inference_mode: true, fan_in_fan_out: true, task_type: 'CAUSAL_LM' },
      ...{
        auto_mapping: null,
        loftq_config: {},
        modules_to_save: null,
        bias: 'none',
        revision: 'main',
      },
      ...{
        use_dora: false,
        init_lora_weights: 'gaussian',
        layer_replication: null,
        megatron_core: 'x',
      },
    })
  })

  const cases: readonly (readonly [object, RegExp])[] = [
    [{ ...LORA, peft_type: 'LOHA' }, /peft_type is "LOHA"/],
    [{ ...LORA, peft_type: 'PREFIX_TUNING' }, /peft_type is "PREFIX_TUNING"/],
    [{ r: 8 }, /peft_type is missing/],
    [{ ...LORA, use_dora: true }, /use_dora is true: DoRA/],
    [{ ...LORA, bias: 'lora_only' }, /bias is "lora_only"/],
    [{ ...LORA, lora_bias: true }, /lora_bias/],
    [{ ...LORA, modules_to_save: ['lm_head'] }, /modules_to_save is \["lm_head"\]/],
    [{ ...LORA, trainable_token_indices: [3] }, /trainable_token_indices/],
    [{ ...LORA, layer_replication: [[0, 4]] }, /layer_replication/],
    [{ ...LORA, init_lora_weights: 'pissa' }, /init_lora_weights is "pissa".*path_initial_model/],
    [{ ...LORA, init_lora_weights: 'olora' }, /init_lora_weights/],
    [{ ...LORA, alora_invocation_tokens: [1, 2] }, /alora_invocation_tokens/],
    [{ ...LORA, target_parameters: ['experts.w'] }, /target_parameters/],
    [{ ...LORA, use_qalora: true }, /use_qalora/],
    [{ ...LORA, kasa_config: { a: 1 } }, /kasa_config is .* not known here/],
    [{ ...LORA, of_next_year: 7 }, /of_next_year is 7: this field is not known here/],
    [{ ...LORA, r: 0 }, /r is 0, expected a whole number/],
    [{ ...LORA, r: 2 ** 40 }, /r is 1099511627776/],
    [{ ...LORA, r: '8' }, /r is "8"/],
    [{ ...LORA, lora_alpha: -1 }, /lora_alpha is -1/],
    [{ ...LORA, use_rslora: 'yes' }, /use_rslora is "yes"/],
    [{ ...LORA, rank_pattern: [1] }, /rank_pattern is \[1\]/],
    [{ ...LORA, rank_pattern: { q_proj: 1.5 } }, /q_proj is 1.5/],
    [{ ...LORA, rank_pattern: { '(a+)+$': 2 } }, /rank_pattern: .*repeats a group/],
    [{ ...LORA, alpha_pattern: { '(?<!x)q': 2 } }, /alpha_pattern: .*not evaluated here/],
    [{ ...LORA, alpha_pattern: { '.*.*.*.*q': 2 } }, /4 repeats/],
    [{ ...LORA, target_modules: [3] }, /target_modules is \[3\]/],
    [{ ...LORA, layers_to_transform: ['0'] }, /layers_to_transform/],
  ]
  for (const [config, message] of cases)
    it(`refuses ${JSON.stringify({ ...config, ...withoutOrdinary(config) }).slice(0, 70)}`, () =>
      refused(config, message))

  it('takes or refuses two thousand damaged ones', () => {
    let taken = 0
    for (let seed = 0; seed < 2000; seed++) {
      const config = damageJson({ ...LORA, rank_pattern: { q_proj: 4 } }, seededRandom(seed))
      try {
        const read = parseAdapterConfig(config)
        assert.ok(Number.isFinite(read.scaleOf(Q0)) && read.rankOf(Q0) >= 1)
        taken++
      } catch (error) {
        assert.ok(
          error instanceof AerieError && error.code === 'invalid_package',
          `seed ${seed}: ${error}`,
        )
        assert.ok(error.message.length < 400, `seed ${seed}`)
      }
    }
    assert.ok(taken > 50 && taken < 1950, `${taken} were taken`)
  })
})

describe('patterns of names', () => {
  it('are evaluated in no time whatever they are', () => {
    const long = `${'layers.1.'.repeat(12)}q_proj`
    const start = process.cpuUsage()
    for (const pattern of ['.*.*.*x', '[a-z]*[a-z]*[a-z]*!', 'a|b|c', '\\d+\\.\\w+x']) {
      const matches = namePattern('rank_pattern', pattern.replace('!', 'z'))
      for (let i = 0; i < 50; i++) matches(long)
    }
    assert.ok(process.cpuUsage(start).user < 5e6)
  })
})

/** Only what is odd about a case. */
function withoutOrdinary(config: object): object {
  return Object.fromEntries(
    Object.entries(LORA).flatMap(([key, value]) =>
      (config as Record<string, unknown>)[key] === value ? [[key, undefined]] : [],
    ),
  )
}
