/** The converter of pickles that the refusal names, on files that PyTorch wrote. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readWeights, scratchFolder } from '../support/checkpoint-folder.ts'
import { readSafetensors } from '../support/safetensors-file.ts'

const CONVERTER = resolve(import.meta.dirname, '../../src/import/pickle-to-safetensors.py')

/** Four folders: tied and strided tensors in half precision, a training checkpoint, two parts, and a program. */
const MAKE = `
import sys, torch
from pathlib import Path
folder = Path(sys.argv[1])
t = torch.arange(24, dtype=torch.float32).reshape(4, 6) / 8
tied = t.to(torch.bfloat16)
torch.save({"embed": tied, "head": tied, "columns": t.t()[1:3], "half": t.half()}, folder / "plain/pytorch_model.bin")
nested = {"epoch": 3, "state_dict": {"a": {"b": torch.nn.Parameter(t)}, "c.weight": t}}
torch.save(nested, folder / "nested/x.pth")
torch.save({"step": 1}, folder / "nested/optimizer.pt")
torch.save({"a": t}, folder / "parts/pytorch_model-00001-of-00002.bin")
torch.save({"b": t}, folder / "parts/pytorch_model-00002-of-00002.bin")
class Program:
    def __reduce__(self):
        return (exec, (f"open({str(folder / 'executed')!r}, 'w').close()",))
torch.save({"x": t, "y": Program()}, folder / "program/pytorch_model.bin")
`
const found = spawnSync('python3', ['-c', 'import torch, safetensors.torch'], { encoding: 'utf8' })

describe('the converter of pickles', {
  skip:
    found.status === 0
      ? false
      : 'python3 has no torch and safetensors (pip install torch safetensors)',
}, () => {
  let scratch: string
  before(() => {
    scratch = scratchFolder()
    for (const name of ['plain', 'nested', 'parts', 'program']) mkdirSync(join(scratch, name))
    const script = join(scratch, 'make.py')
    writeFileSync(script, MAKE)
    const { status, stderr } = spawnSync('python3', [script, scratch], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  })
  after(() => rmSync(scratch, { recursive: true }))

  const convert = (name: string) =>
    spawnSync('python3', [CONVERTER, join(scratch, name)], { encoding: 'utf8' })
  const values = Float32Array.from({ length: 24 }, (_, i) => i / 8)

  it('writes tied, strided and half-precision tensors each with its own values and type', () => {
    const { status, stderr, stdout } = convert('plain')
    assert.equal(status, 0, stderr)
    assert.match(stdout, /pytorch_model\.bin -> model\.safetensors: 4 tensors/)
    const path = join(scratch, 'plain/model.safetensors')
    const tensors = readSafetensors(path)
    for (const name of ['embed', 'head', 'half']) assert.deepEqual(tensors.get(name), values)
    assert.deepEqual(
      [...tensors.get('columns')!],
      [1, 7, 13, 19, 2, 8, 14, 20].map((n) => n / 8),
    )
    const { header } = readWeights(path)
    assert.deepEqual(
      ['embed', 'head', 'half', 'columns'].map((name) => header[name]!.dtype),
      ['BF16', 'BF16', 'F16', 'F32'],
    )
  })

  it('takes the weights out of what a trainer wrapped them in', () => {
    const { status, stderr } = convert('nested')
    assert.equal(status, 0, stderr)
    const tensors = readSafetensors(join(scratch, 'nested/model.safetensors'))
    assert.deepEqual([...tensors.keys()].sort(), ['a.b', 'c.weight'])
  })

  it('writes an index for several parts', () => {
    assert.equal(convert('parts').status, 0)
    const index = JSON.parse(
      readFileSync(join(scratch, 'parts/model.safetensors.index.json'), 'utf8'),
    )
    assert.deepEqual(index.weight_map, {
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00002-of-00002.safetensors',
    })
  })

  it('runs nothing', () => {
    const { status, stderr } = convert('program')
    assert.equal(status, 1)
    assert.match(stderr, /pytorch_model\.bin: PyTorch cannot read it without running it/)
    assert.ok(!existsSync(join(scratch, 'executed')))
    assert.ok(!existsSync(join(scratch, 'program/model.safetensors')))
  })
})
