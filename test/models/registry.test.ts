import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findFamily, listFamilies } from '../../models/registry.ts'

describe('the registry of families', () => {
  it('lists every family file under the model_type that it declares', async () => {
    const names = await listFamilies()
    assert.ok(names.includes('aerie_starter'))
    for (const name of names) assert.equal((await findFamily(name)).modelType, name)
  })

  it('names the supported families when it is asked for another', async () => {
    const names = (await listFamilies()).join(', ')
    await assert.rejects(findFamily('llava'), {
      message: `model_type "llava" is not supported; supported: ${names}`,
    })
  })

  it('never takes a path for a family', async () => {
    for (const modelType of [
      './aerie_starter',
      'blocks/text-decoder',
      '../src/errors',
      'registry',
      'aerie_starter.ts',
      '',
      null,
      undefined,
      7,
    ]) {
      await assert.rejects(findFamily(modelType), /is not supported/, String(modelType))
    }
  })
})
